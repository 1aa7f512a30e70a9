#pragma once

#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "messages/field_list.hpp"
#include "messages/job.hpp"

namespace nsai {

/// Bounds on what a tenant may have at once; absent: none.
struct tenant_quota {
  static constexpr char const* type_name = "quota";
  std::optional<std::int64_t> running;  // jobs
  std::optional<std::int64_t> queued;   // jobs that wait, also for a time or for other jobs
  std::optional<milli> cpu;             // cores held by its running jobs, likewise below
  std::optional<std::int64_t> memory_mb;
  std::optional<milli> gpus;  // devices; a share counts as such
  /// Of these, by model: a pattern as jobs have it ("A100"), and how many of its devices.
  std::map<std::string, milli> gpus_by_model;
  bool borrow = true;  // jobs that may be preempted may have more cpu, memory and GPUs

  static constexpr auto fields() {
    using q = tenant_quota;
    return std::tuple{field{"running", &q::running}, field{"queued", &q::queued},
                      field{"cpu", &q::cpu},         field{"memory_mb", &q::memory_mb},
                      field{"gpus", &q::gpus},       field{"gpus_by_model", &q::gpus_by_model},
                      field{"borrow", &q::borrow}};
  }
  bool bounds_anything() const {
    return running || queued || cpu || memory_mb || gpus || !gpus_by_model.empty();
  }
};

/// How fast a tenant may submit: `jobs` in `per_ms`, and after a pause up to `burst` at once. Every
/// child of an array and every stage of an experiment is a job.
struct tenant_rate {
  static constexpr char const* type_name = "rate";
  std::int64_t jobs = 0;
  std::int64_t per_ms = 1000;
  std::optional<std::int64_t> burst;  // default: `jobs`

  static constexpr auto fields() {
    using r = tenant_rate;
    return std::tuple{field{"jobs", &r::jobs}, field{"per_ms", &r::per_ms},
                      field{"burst", &r::burst}};
  }
  std::int64_t at_once() const { return burst.value_or(jobs); }
  friend bool operator==(tenant_rate const&, tenant_rate const&) = default;
};

/// What a tenant may have, in a node's config under `tenants`. Under the name `*` it is for all
/// that have no entry of their own.
struct tenant_settings {
  static constexpr char const* type_name = "tenant_settings";
  milli weight{1000};  // of its fair share, above 0
  nsai::priority max_priority = nsai::priority::interactive;
  tenant_quota quota;
  std::optional<tenant_rate> submit_rate{};  // absent: as fast as it can
  std::optional<micro> budget_usd{};         // above 0; when it is spent, nothing more is started

  static constexpr auto fields() {
    return std::tuple{field{"weight", &tenant_settings::weight},
                      field{"max_priority", &tenant_settings::max_priority},
                      field{"quota", &tenant_settings::quota},
                      field{"submit_rate", &tenant_settings::submit_rate},
                      field{"budget_usd", &tenant_settings::budget_usd}};
  }
};

/// The values of `tenants` that are outside their bounds, each with its path.
std::vector<error_info> check(std::map<std::string, tenant_settings> const& tenants);

/// A tenant as the scheduler sees it. Within a priority level, the tenant that has used least by
/// its weight is served first; use halves in a week.
struct tenant_record {
  static constexpr char const* type_name = "tenant_record";
  std::string tenant_id;
  milli weight{1000};
  nsai::priority max_priority = nsai::priority::interactive;
  tenant_quota quota;
  std::optional<tenant_rate> submit_rate;
  milli share;     // of the cluster, held now: the largest part of cpu, memory or GPUs
  milli entitled;  // by weight, among those that hold or wait for something
  std::int64_t running = 0;
  std::int64_t queued = 0;                     // that wait, also for a time or for other jobs
  std::map<std::string, milli> gpus_by_model;  // held now, of the models that have a quota
  // Used, decayed to the present; at the price of the nodes where they have one.
  milli cpu_hours;
  milli memory_gib_hours;
  milli gpu_hours;
  std::optional<micro> budget_usd;
  micro spent_usd;  // ever, what runs now included

  static constexpr auto fields() {
    using t = tenant_record;
    return std::tuple{field{"tenant_id", &t::tenant_id},
                      field{"weight", &t::weight},
                      field{"max_priority", &t::max_priority},
                      field{"quota", &t::quota},
                      field{"submit_rate", &t::submit_rate},
                      field{"share", &t::share},
                      field{"entitled", &t::entitled},
                      field{"running", &t::running},
                      field{"queued", &t::queued},
                      field{"gpus_by_model", &t::gpus_by_model},
                      field{"cpu_hours", &t::cpu_hours},
                      field{"memory_gib_hours", &t::memory_gib_hours},
                      field{"gpu_hours", &t::gpu_hours},
                      field{"budget_usd", &t::budget_usd},
                      field{"spent_usd", &t::spent_usd}};
  }
};

/// Those that hold, wait for or have used anything, by name. Answered by `tenant_list`.
struct list_tenants {
  static constexpr char const* type_name = "list_tenants";
  bool all = true;
  static constexpr auto fields() { return std::tuple{field{"all", &list_tenants::all}}; }
};
struct tenant_list {
  static constexpr char const* type_name = "tenant_list";
  std::vector<tenant_record> tenants;
  static constexpr auto fields() { return std::tuple{field{"tenants", &tenant_list::tenants}}; }
};

}  // namespace nsai
