#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "messages/job.hpp"
#include "messages/record.hpp"

/// Reads what a cluster has left behind, the store by SQL of its own and not through the product,
/// and looks for broken promises (ARCHITECTURE.md).
namespace nsai::tests {

struct stored_attempt {
  std::uint32_t number = 0;
  attempt_result outcome = attempt_result::none;
};

struct stored_job {
  std::uint64_t id = 0;
  std::uint64_t parent = 0;
  std::uint64_t children = 0;  // as promised when it was submitted
  bool composite = false;      // of an array or experiment: it has no attempts
  job_status status = job_status::pending;
  std::uint32_t attempt = 0;           // the last that was granted
  std::vector<stored_attempt> closed;  // in order; without the last one if the job ended with it
  std::int32_t max_retries = 0;
  std::int32_t max_infra_retries = 0;
  std::string error_category;
  std::string error_code;
  bool retryable = false;

  /// Own failures, the one that ended the job included.
  int own_failures() const;
  int closed_as(attempt_result outcome) const;
};

struct stored_jobs {
  std::map<std::uint64_t, stored_job> all;
  std::map<std::string, std::uint64_t> by_key;  // tenant/key -> job
  std::map<int, std::int64_t> counters;         // status -> jobs, as the store counts them itself
  std::string integrity;                        // of the database; "ok"
};

/// Opens DIRECTORY/jobs.db read-only. Throws std::runtime_error.
stored_jobs read_store(std::filesystem::path const& directory);

/// P1, P2, P4 for every job, and what the store says about itself. One sentence a fault.
std::vector<std::string> broken_promises(stored_jobs const& store);

/// The JSON lines of an event file and its older ones, oldest first.
std::vector<nlohmann::json> read_events(std::filesystem::path const& file);
/// What must hold for events even if some are missing, which is allowed after a crash.
std::vector<std::string> broken_promises(std::vector<nlohmann::json> const& events,
                                         stored_jobs const& store);

}  // namespace nsai::tests
