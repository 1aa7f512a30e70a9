#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "actors/host_pool.hpp"
#include "processes/process_spec.hpp"
#include "stages/host_protocol.hpp"

namespace nsai::actors {

using host_clock = std::chrono::steady_clock;

/// Work that was given to the pool, with what is known of each attempt.
struct host_batch {
  struct item {
    start_attempt attempt;
    std::optional<attempt_result> stop_as;  // somebody asked to stop it
    host_clock::time_point kill_at = host_clock::time_point::max();
    bool done = false;
  };
  std::vector<item> items;
  bool brief = false;
  std::function<void(std::vector<attempt_outcome>)> over;
  std::function<void(attempt_ref, progress_info)> progress;
  std::size_t open = 0;  // items without an outcome
  int barren_hosts = 0;  // that ended before they had begun anything of this

  std::string const& tenant_id() const { return items.front().attempt.tenant_id; }
  std::vector<device_grant> const& devices() const { return items.front().attempt.devices; }
  std::int64_t memory_mb() const { return items.front().attempt.memory_mb; }

  /// The item is done; gives the beginning of its outcome.
  attempt_outcome end(item& which, attempt_result as);
  /// Ends all that is open: the node could not run it, and the jobs are not to blame.
  void hand_back(std::string code, std::string message);
};

class host_process;

/// What the death of its host means for an item of its batch: the one that ran is answered for,
/// those that were to be stopped are stopped; nothing for the others, which are to run on a fresh
/// host.
std::optional<attempt_outcome> outcome_of_death(workplace const& where, host_process& host,
                                                std::size_t item,
                                                processes::process_exit const& exit);

/// What the host has told of one of its attempts.
attempt_outcome outcome_told(host_process const& host, host_batch::item& item,
                             stages::host_outcome&& told);

/// In words, for an error.
std::string describe_end(processes::process_exit const& exit);

}  // namespace nsai::actors
