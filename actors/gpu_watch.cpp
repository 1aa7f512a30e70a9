#include "actors/gpu_watch.hpp"

#include <algorithm>

#include <spdlog/spdlog.h>
#include <unistd.h>

#include "processes/process_tree.hpp"

namespace nsai::actors {

gpu_watch::gpu_watch(std::string library, std::vector<std::string> uuids,
                     std::chrono::milliseconds every, find_leaders leaders, on_look tell)
    : library_(std::move(library)),
      uuids_(std::move(uuids)),
      every_(every),
      leaders_(std::move(leaders)),
      tell_(std::move(tell)),
      thread_([this] { run(); }) {}

gpu_watch::~gpu_watch() {
  {
    std::lock_guard const lock{mutex_};
    over_ = true;
  }
  woken_.notify_one();
  thread_.join();
}

std::uint64_t gpu_watch::look_soon() {
  std::lock_guard const lock{mutex_};
  wanted_ = begun_ + 1;
  woken_.notify_one();
  return wanted_;
}

void gpu_watch::run() {
  auto const opened = devices::nvml::open(library_);
  if (auto const* const why = std::get_if<std::string>(&opened)) {
    spdlog::warn("the GPUs are not watched: {}", *why);
    return;
  }
  auto& library = *std::get<std::unique_ptr<devices::nvml>>(opened);
  std::unique_lock lock{mutex_};
  while (true) {
    woken_.wait_for(lock, every_, [this] { return over_ || wanted_ > begun_; });
    if (over_)
      return;
    auto const number = ++begun_;
    lock.unlock();
    tell_(look(library, number));
    lock.lock();
  }
}

gpu_look gpu_watch::look(devices::nvml& library, std::uint64_t number) const {
  gpu_look seen;
  seen.number = number;
  seen.xids = library.take_xids();
  auto const before = leaders_();
  for (auto const& uuid : uuids_)
    seen.readings.push_back(library.read(uuid));
  for (auto const& r : seen.readings)
    for (auto const& p : r.processes.value_or(std::vector<devices::gpu_process>{}))
      if (processes::is_below(static_cast<pid_t>(p.pid), ::getpid()))
        seen.own.push_back(p.pid);
  std::sort(seen.own.begin(), seen.own.end());
  if (!seen.own.empty())
    seen.uses =
        memory_of_attempts(seen.readings, that_stayed(before, leaders_()), [](auto pid, auto root) {
          return processes::is_below(static_cast<pid_t>(pid), static_cast<pid_t>(root));
        });
  return seen;
}

}  // namespace nsai::actors
