#pragma once

#include <array>
#include <map>
#include <string>
#include <vector>

#include "messages/job.hpp"

namespace nsai::simulation {

/// Amounts held or offered.
struct held_amounts {
  std::int64_t cpu = 0;  // thousandths of a core
  std::int64_t memory_mb = 0;
  std::int64_t gpu = 0;  // thousandths of a device
};

/// What changed for one tenant at one time. Several changes at one time follow each other.
struct change {
  std::int64_t at_ms = 0;  // since the beginning
  std::uint32_t tenant = 0;
  std::int32_t queued = 0;   // jobs that may start more, or less
  held_amounts held;         // more, or less
  double unusable_gpus = 0;  // of the cluster, from then on (fragmentation.hpp)
};

/// The wait of one job that has started: from its submission (or `not_before`) to its first start.
struct waited {
  std::uint32_t tenant = 0;
  nsai::priority priority = nsai::priority::batch;
  std::int64_t ms = 0;
};

/// When it was said that a job would start, and when it did. Both since the beginning.
struct foreseen {
  std::int64_t expected_ms = 0;
  std::int64_t started_ms = 0;
};

/// Everything that happened while a workload was played, as far as reports need it.
struct history {
  std::vector<std::string> tenants;  // by name
  std::vector<double> weights;       // of the tenants
  held_amounts capacity;
  std::size_t nodes = 0;
  std::vector<change> changes;               // by time
  std::vector<waited> waits;                 // by time of start
  std::map<std::string, std::int64_t> jobs;  // by status; "refused": by the core
  std::vector<std::int64_t> jobs_of_tenants;
  std::array<std::int64_t, 4> jobs_of_priorities{};
  std::int64_t first_submit_ms = 0;
  std::int64_t last_end_ms = 0;
  std::int64_t forecasts_asked = 0;
  std::vector<foreseen> forecasts;  // of those that were made, of jobs that started
  std::int64_t attempts = 0;
  std::int64_t preemptions = 0;
  // Held by attempts that ended well, times milliseconds.
  double useful_cpu_ms = 0;
  double useful_gpu_ms = 0;
  std::int64_t events = 0;             // that the core was told
  std::vector<std::string> remarks{};  // why jobs were refused or never started; a few, each once
};

}  // namespace nsai::simulation
