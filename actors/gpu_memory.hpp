#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "devices/nvml.hpp"
#include "messages/attempt.hpp"

namespace nsai::actors {

/// The process that an attempt's others lie below: its program's, or the stage host's that runs it.
/// Without a ref: what is below it was given up because it hangs in the kernel
/// (process_exit::is_stuck).
struct attempt_leader {
  attempt_ref ref;
  std::int64_t pid = 0;
  bool is_given_up() const { return !ref.job; }
  friend bool operator==(attempt_leader const&, attempt_leader const&) = default;
};

/// Those of both lists: a stage host that went from one attempt to the next meanwhile shows memory
/// of which nobody knows whose it was.
std::vector<attempt_leader> that_stayed(std::vector<attempt_leader> const& before,
                                        std::vector<attempt_leader> const& after);

/// The leaders of programs that run, and of those that were given up. Thread-safe.
class program_leaders {
 public:
  void add(attempt_ref ref, std::int64_t pid);
  void remove(attempt_ref ref);
  void add_stuck(std::int64_t pid);
  std::vector<attempt_leader> all() const;

 private:
  mutable std::mutex mutex_;
  std::map<attempt_ref, std::int64_t> pids_;
  mutable std::vector<std::int64_t> stuck_;
};

/// What an attempt's processes hold together of one device's memory.
struct gpu_memory_use {
  attempt_ref ref;
  std::string uuid;
  std::int64_t used_mb = 0;
  friend bool operator==(gpu_memory_use const&, gpu_memory_use const&) = default;
};

/// By the processes that each device shows; those that are below no leader are left out, and so are
/// devices that show none. `is_below(pid, root)`: whether it is that process or below it.
std::vector<gpu_memory_use> memory_of_attempts(
    std::vector<devices::reading> const& readings, std::vector<attempt_leader> const& leaders,
    std::function<bool(std::int64_t pid, std::int64_t root)> const& is_below);

/// Why the attempt has to be stopped: it holds more of a device than it was granted. Empty: it does
/// not.
std::string excess_of(start_attempt const& attempt, std::vector<gpu_memory_use> const& uses);

}  // namespace nsai::actors
