#include "actors/gpu_watch.hpp"

#include <algorithm>
#include <condition_variable>
#include <mutex>

#include <spdlog/spdlog.h>
#include <unistd.h>

#include "processes/process_tree.hpp"

namespace nsai::actors {
namespace {

using clock = std::chrono::steady_clock;

/// What is under way at the end is waited for so long.
constexpr std::chrono::seconds longest_farewell{2};

constexpr std::chrono::milliseconds least_between_finds{100};

bool is_below(std::int64_t pid, std::int64_t root) {
  return processes::is_below(static_cast<pid_t>(pid), static_cast<pid_t>(root));
}

bool is_own(std::int64_t pid, std::vector<attempt_leader> const& leaders) {
  return is_below(pid, ::getpid()) &&
         std::none_of(leaders.begin(), leaders.end(), [&](attempt_leader const& each) {
           return each.is_given_up() && is_below(pid, each.pid);
         });
}

}  // namespace

struct gpu_watch::state {
  settings how;
  find_leaders leaders;
  on_look tell;

  std::mutex mutex;
  std::condition_variable woken;
  std::uint64_t begun = 0;   // looks
  std::uint64_t wanted = 1;  // the look of that number is not to wait
  bool over = false;
  bool done = false;           // the thread has ended
  clock::time_point finds_at;  // of the thread
  std::optional<std::size_t> asked;
  std::optional<clock::time_point> asked_at;  // while the driver has not answered

  void live() {
    std::unique_ptr<devices::nvml> opened;
    std::string why_not;
    std::unique_lock lock{mutex};
    while (true) {
      auto const between =
          how.uuids.empty() ? std::max(how.find_every, least_between_finds) : how.every;
      woken.wait_for(lock, between, [this] { return over || wanted > begun; });
      if (over)
        break;
      auto const number = ++begun;
      auto const uuids = how.uuids;
      lock.unlock();
      if (!opened)
        opened = open(why_not);
      if (opened)
        if (auto seen = look(*opened, uuids, number); !is_over())
          tell(std::move(seen));
      lock.lock();
    }
    lock.unlock();
    opened.reset();  // may hang, too
    lock.lock();
    done = true;
    woken.notify_all();
  }

  template <class Question>
  auto ask(std::optional<std::size_t> gpu, Question const& question) {
    {
      std::lock_guard const lock{mutex};
      asked = gpu;
      asked_at = clock::now();
    }
    auto answer = question();
    std::lock_guard const lock{mutex};
    asked_at.reset();
    return answer;
  }

  /// Without a GPU that is watched it is as usual as any that there is no driver.
  bool is_needed() {
    std::lock_guard const lock{mutex};
    return !how.uuids.empty();
  }

  bool is_over() {
    std::lock_guard const lock{mutex};
    return over;
  }

  std::unique_ptr<devices::nvml> open(std::string& why_not) {
    auto answer = ask(std::nullopt, [&] { return devices::nvml::open(how.library); });
    if (auto* const why = std::get_if<std::string>(&answer)) {
      if (*why != why_not && is_needed())
        spdlog::warn("the GPUs are not watched: {}", *why);
      why_not = std::move(*why);
      return nullptr;
    }
    return std::move(std::get<std::unique_ptr<devices::nvml>>(answer));
  }

  gpu_look look(devices::nvml& from, std::vector<std::string> const& uuids, std::uint64_t number) {
    gpu_look seen;
    seen.number = number;
    auto const before = leaders();
    for (std::size_t i = 0; i < uuids.size(); ++i)
      seen.readings.push_back(ask(i, [&] { return from.read(uuids[i]); }));
    seen.xids = ask(std::nullopt, [&] { return from.take_xids(); });
    if (how.find_every.count() > 0 && clock::now() >= finds_at) {
      seen.found = ask(std::nullopt, [&] { return from.look().devices; });
      finds_at = clock::now() + how.find_every;
    }
    for (auto const& r : seen.readings)
      for (auto const& p : r.processes.value_or(std::vector<devices::gpu_process>{}))
        if (is_own(p.pid, before))
          seen.own.push_back(p.pid);
    std::sort(seen.own.begin(), seen.own.end());
    if (!seen.own.empty())
      seen.uses = memory_of_attempts(seen.readings, that_stayed(before, leaders()), is_below);
    return seen;
  }
};

gpu_watch::gpu_watch(settings how, find_leaders leaders, on_look tell)
    : state_(std::make_shared<state>()) {
  state_->how = std::move(how);
  state_->leaders = std::move(leaders);
  state_->tell = std::move(tell);
  thread_ = std::thread([shared = state_] { shared->live(); });
}

gpu_watch::~gpu_watch() {
  std::unique_lock lock{state_->mutex};
  state_->over = true;
  state_->woken.notify_all();
  bool const has_ended =
      state_->woken.wait_for(lock, longest_farewell, [this] { return state_->done; });
  lock.unlock();
  if (has_ended) {
    thread_.join();
  } else {
    spdlog::warn("a look at the GPUs does not end; it is left alone");
    thread_.detach();
  }
}

std::uint64_t gpu_watch::look_soon() {
  std::lock_guard const lock{state_->mutex};
  state_->wanted = state_->begun + 1;
  state_->woken.notify_all();
  return state_->wanted;
}

void gpu_watch::watch_also(std::vector<std::string> const& uuids) {
  std::lock_guard const lock{state_->mutex};
  state_->how.uuids.insert(state_->how.uuids.end(), uuids.begin(), uuids.end());
  state_->wanted = state_->begun + 1;
  state_->woken.notify_all();
}

std::optional<gpu_watch::silence> gpu_watch::silent() const {
  std::lock_guard const lock{state_->mutex};
  if (!state_->asked_at)
    return std::nullopt;
  return silence{state_->asked, std::chrono::duration_cast<std::chrono::milliseconds>(
                                    clock::now() - *state_->asked_at)};
}

}  // namespace nsai::actors
