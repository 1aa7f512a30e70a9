#include "devices/nvml_processes.hpp"

#include <algorithm>
#include <cerrno>

#include <signal.h>
#include <sys/stat.h>
#include <sys/types.h>

namespace nsai::devices {
namespace {

namespace api = nvml_api;

/// No process of its own needs less on a GPU; an idle one can show some MiB as used.
constexpr std::int64_t idle_mb = 100;

bool exists(unsigned pid) {
  return pid != 0 && (::kill(static_cast<pid_t>(pid), 0) == 0 || errno == EPERM);
}

/// Elsewhere older drivers name processes as the first namespace does, where numbers mean others.
bool is_in_first_pid_namespace() {
  constexpr ino_t its_inode = 0xeffffffc;  // PROC_PID_INIT_INO of Linux's sources
  struct stat found {};
  return ::stat("/proc/self/ns/pid", &found) == 0 && found.st_ino == its_inode;
}

using list_processes = int (*)(api::device, unsigned*, api::process*);

/// Adds what the function lists; false: it does not say.
bool add_processes(list_processes list, api::device of, std::vector<api::process>& to) {
  std::vector<api::process> found(32);
  for (int tries = 0; list != nullptr && tries < 4; ++tries) {
    auto count = static_cast<unsigned>(found.size());
    int const result = list(of, &count, found.data());
    if (result == api::success) {
      to.insert(to.end(), found.begin(),
                found.begin() + std::min<std::size_t>(count, found.size()));
      return true;
    }
    if (result != api::insufficient_size)
      return false;
    found.resize(std::max<std::size_t>(count, found.size()) * 2);
  }
  return false;
}

}  // namespace

std::optional<std::vector<gpu_process>> shown_processes(api::functions const& call,
                                                        api::device handle,
                                                        std::int64_t memory_used_mb) {
  std::vector<api::process> found;
  // Version 2 first: version 3 has a longer record in some drivers of the 535 series.
  if (!add_processes(call.nvmlDeviceGetComputeRunningProcesses_v2, handle, found) &&
      !add_processes(call.nvmlDeviceGetComputeRunningProcesses_v3, handle, found))
    return std::nullopt;
  if (!add_processes(call.nvmlDeviceGetGraphicsRunningProcesses_v2, handle, found))
    add_processes(call.nvmlDeviceGetGraphicsRunningProcesses_v3, handle, found);
  if (found.empty() && memory_used_mb > idle_mb)
    return std::nullopt;
  std::sort(found.begin(), found.end(), [](auto const& a, auto const& b) { return a.pid < b.pid; });
  std::vector<gpu_process> list;
  std::size_t gone = 0;  // has just ended, or is of another namespace
  bool shows_memory = false;
  for (auto const& p : found) {
    if (!exists(p.pid)) {
      ++gone;
      continue;
    }
    if (list.empty() || list.back().pid != p.pid)
      list.push_back({p.pid, std::nullopt});
    shows_memory = shows_memory || p.used_memory != 0;
    if (p.used_memory != api::not_available)  // who computes and draws is listed twice
      list.back().used_mb = std::max(list.back().used_mb.value_or(0),
                                     static_cast<std::int64_t>(p.used_memory / (1024 * 1024)));
  }
  if (gone > 0 && (list.empty() || !is_in_first_pid_namespace()))
    return std::nullopt;
  if (!list.empty() && !shows_memory && memory_used_mb > idle_mb)
    return std::nullopt;  // processes of another namespace are named by their number here, and
                          // nothing else
  return list;
}

}  // namespace nsai::devices
