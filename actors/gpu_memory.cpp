#include "actors/gpu_memory.hpp"

#include <algorithm>
#include <cerrno>

#include <signal.h>

namespace nsai::actors {

void program_leaders::add(attempt_ref ref, std::int64_t pid) {
  std::lock_guard const lock{mutex_};
  pids_[ref] = pid;
}

void program_leaders::remove(attempt_ref ref) {
  std::lock_guard const lock{mutex_};
  pids_.erase(ref);
}

void program_leaders::add_stuck(std::int64_t pid) {
  std::lock_guard const lock{mutex_};
  stuck_.push_back(pid);
}

std::vector<attempt_leader> program_leaders::all() const {
  std::lock_guard const lock{mutex_};
  std::vector<attempt_leader> list;
  for (auto const& [ref, pid] : pids_)
    list.push_back({ref, pid});
  std::erase_if(stuck_, [](std::int64_t pid) {
    return ::kill(static_cast<pid_t>(pid), 0) != 0 && errno == ESRCH;
  });
  for (auto const pid : stuck_)
    list.push_back({{}, pid});
  return list;
}

std::vector<attempt_leader> that_stayed(std::vector<attempt_leader> const& before,
                                        std::vector<attempt_leader> const& after) {
  std::vector<attempt_leader> list;
  for (auto const& each : after)
    if (std::find(before.begin(), before.end(), each) != before.end())
      list.push_back(each);
  return list;
}

std::vector<gpu_memory_use> memory_of_attempts(
    std::vector<devices::reading> const& readings, std::vector<attempt_leader> const& leaders,
    std::function<bool(std::int64_t pid, std::int64_t root)> const& is_below) {
  std::vector<gpu_memory_use> uses;
  for (auto const& device : readings) {
    std::map<attempt_ref, std::int64_t> here;
    for (auto const& process : device.processes.value_or(std::vector<devices::gpu_process>{})) {
      auto const leader = std::find_if(leaders.begin(), leaders.end(), [&](auto const& each) {
        return !each.is_given_up() && is_below(process.pid, each.pid);
      });
      if (leader != leaders.end())
        here[leader->ref] += process.used_mb.value_or(0);
    }
    for (auto const& [ref, used] : here)
      uses.push_back({ref, device.uuid, used});
  }
  return uses;
}

std::string excess_of(start_attempt const& attempt, std::vector<gpu_memory_use> const& uses) {
  for (auto const& use : uses)
    for (auto const& grant : attempt.devices)
      if (use.ref == attempt.ref && use.uuid == grant.uuid && use.used_mb > grant.memory_mb)
        return "the job held " + std::to_string(use.used_mb) + " MiB of GPU " +
               std::to_string(grant.index) + "'s memory, CUDA's own context included; it had " +
               "reserved " + std::to_string(grant.memory_mb) +
               " (resources.gpu_memory_mb, or its share of the GPU)";
  return {};
}

}  // namespace nsai::actors
