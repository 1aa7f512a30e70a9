#pragma once

#include <map>
#include <string>
#include <vector>

#include "messages/values.hpp"
#include "simulation/history.hpp"

namespace nsai::simulation {

/// Waits in seconds by nearest rank: p90 is the least wait that 90 % of the jobs did not exceed.
/// Absent where no job has started.
struct wait_percentiles {
  static constexpr char const* type_name = "wait_percentiles";
  std::optional<milli> p50;
  std::optional<milli> p90;
  std::optional<milli> p99;

  static constexpr auto fields() {
    using w = wait_percentiles;
    return std::tuple{field{"p50", &w::p50}, field{"p90", &w::p90}, field{"p99", &w::p99}};
  }
};

struct tenant_report {
  static constexpr char const* type_name = "simulated_tenant";
  std::int64_t jobs = 0;
  wait_percentiles wait_s;
  micro share;  // part of all dominant-resource time while more than one tenant had work queued
  milli weight{1000};

  static constexpr auto fields() {
    using t = tenant_report;
    return std::tuple{field{"jobs", &t::jobs}, field{"wait_s", &t::wait_s},
                      field{"share", &t::share}, field{"weight", &t::weight}};
  }
};

struct priority_report {
  static constexpr char const* type_name = "simulated_priority";
  std::int64_t jobs = 0;
  wait_percentiles wait_s;

  static constexpr auto fields() {
    return std::tuple{field{"jobs", &priority_report::jobs},
                      field{"wait_s", &priority_report::wait_s}};
  }
};

/// Parts of what the cluster has, 0 to 1, as means over the makespan.
struct cluster_part {
  static constexpr char const* type_name = "cluster_part";
  micro gpu;
  micro cpu;

  static constexpr auto fields() {
    return std::tuple{field{"gpu", &cluster_part::gpu}, field{"cpu", &cluster_part::cpu}};
  }
};

struct cluster_size {
  static constexpr char const* type_name = "cluster_size";
  std::int64_t nodes = 0;
  std::int64_t gpus = 0;
  milli cpus;

  static constexpr auto fields() {
    return std::tuple{field{"nodes", &cluster_size::nodes}, field{"gpus", &cluster_size::gpus},
                      field{"cpus", &cluster_size::cpus}};
  }
};

/// How far forecasts of starts were off, by nearest rank of the absolute error in seconds; absent
/// where none was made.
struct forecast_report {
  static constexpr char const* type_name = "simulated_forecasts";
  std::int64_t asked = 0;  // jobs that had to wait
  std::int64_t made = 0;
  wait_percentiles error_s;
  std::optional<milli> mean_late_s;  // how much later than forecast they started, on average

  static constexpr auto fields() {
    using f = forecast_report;
    return std::tuple{field{"asked", &f::asked}, field{"made", &f::made},
                      field{"error_s", &f::error_s}, field{"mean_late_s", &f::mean_late_s}};
  }
};

/// Means over equal steps of the makespan: parts of the cluster, and jobs.
struct timeline_report {
  static constexpr char const* type_name = "simulated_timeline";
  milli step_s;
  std::vector<micro> gpu;
  std::vector<micro> cpu;
  std::vector<micro> fragmentation;
  std::vector<milli> queued;

  static constexpr auto fields() {
    using t = timeline_report;
    return std::tuple{field{"step_s", &t::step_s}, field{"gpu", &t::gpu}, field{"cpu", &t::cpu},
                      field{"fragmentation", &t::fragmentation}, field{"queued", &t::queued}};
  }
};

/// What a simulation says of a workload on a cluster.
///
/// Makespan: from the first submission to the last end of a job.
/// Allocation: the part of the cluster that attempts held; utilisation: that of attempts which
/// ended well. The difference was lost to timeouts and preemptions. Fairness: Jain's index (Jain,
/// Chiu, Hawe, DEC TR-301, 1984), (Σx)² / (n Σx²), over the n tenants that had work queued while
/// others had, too; x: share by weight. 1: all got their part; 1/n: one got everything. A tenant
/// that asked for little counts as one that got little. Fragmentation: the part of the GPUs that
/// were free but of no use (fragmentation.hpp).
struct report {
  static constexpr char const* type_name = "simulation";
  milli makespan_s;
  std::map<std::string, std::int64_t> jobs;  // by status at the end; "refused" ones are no jobs
  wait_percentiles wait_s;
  std::map<std::string, tenant_report> tenants;
  std::map<std::string, priority_report> priorities;
  cluster_part allocation;
  cluster_part utilisation;
  micro fairness_index;
  micro fragmentation;
  forecast_report forecasts;
  std::int64_t preemptions = 0;
  std::int64_t attempts = 0;
  std::int64_t events = 0;
  std::int64_t events_per_s = 0;  // of the core, by the caller's clock
  cluster_size cluster;
  timeline_report timeline;
  std::vector<std::string> remarks;

  static constexpr auto fields() {
    using r = report;
    return std::tuple{field{"makespan_s", &r::makespan_s},
                      field{"jobs", &r::jobs},
                      field{"wait_s", &r::wait_s},
                      field{"tenants", &r::tenants},
                      field{"priorities", &r::priorities},
                      field{"allocation", &r::allocation},
                      field{"utilisation", &r::utilisation},
                      field{"fairness_index", &r::fairness_index},
                      field{"fragmentation", &r::fragmentation},
                      field{"forecasts", &r::forecasts},
                      field{"preemptions", &r::preemptions},
                      field{"attempts", &r::attempts},
                      field{"events", &r::events},
                      field{"events_per_s", &r::events_per_s},
                      field{"cluster", &r::cluster},
                      field{"timeline", &r::timeline},
                      field{"remarks", &r::remarks}};
  }
};

report report_of(history const& h);

}  // namespace nsai::simulation
