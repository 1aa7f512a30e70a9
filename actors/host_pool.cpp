#include "actors/host_pool.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <future>
#include <map>
#include <system_error>
#include <thread>

#include <sys/epoll.h>
#include <sys/socket.h>

#include "actors/host_orders.hpp"
#include "actors/host_process.hpp"
#include "actors/program_run.hpp"

namespace nsai::actors {
namespace {

using processes::file_descriptor;
using std::chrono::milliseconds;

/// A host whose end of the channel is closed is about to be reported dead; one that lives on has
/// closed it itself.
constexpr milliseconds longest_silence{1000};
/// How often brief attempts are looked at: they have no timer each.
constexpr milliseconds between_looks{200};
/// A batch whose hosts end this often before they begin anything of it is handed back.
constexpr int most_barren_hosts = 3;

bool exclusive(std::vector<device_grant> const& devices) {
  return std::any_of(devices.begin(), devices.end(),
                     [](auto const& each) { return each.share_milli >= 1000; });
}

}  // namespace

/// Everything below runs on the pool's thread.
class host_pool::loop {
 public:
  loop(workplace where, host_settings settings)
      : where_(std::move(where)), settings_(settings), poller_(::epoll_create1(EPOLL_CLOEXEC)) {
    if (!poller_ || orders_->wake() < 0)
      throw std::system_error(errno, std::system_category(), "host pool: no descriptors");
    watch(orders_->wake(), 0, EPOLL_CTL_ADD, EPOLLIN);
  }

  void start() {
    thread_ = std::thread([this] { serve(); });
  }
  void finish() {
    post([this] { over_ = true; });
    thread_.join();
  }

  void post(host_orders::order what) { orders_->post(std::move(what)); }

  void run(std::shared_ptr<host_batch> const& batch) {
    if (!place(batch))
      waiting_.push_back({batch, {}, {}});
  }

  void clear(std::vector<device_grant> devices, std::function<void()> then) {
    if (make_way("", devices, true, nullptr))
      then();
    else
      waiting_.push_back({nullptr, std::move(devices), std::move(then)});
  }

  void end_idle(pid_t pid) {
    for (auto const& [name, host] : hosts_)
      if (host->pid == pid && !host->batch && !host->ending)
        host->kill(*where_.pool);
  }

  void stop(attempt_ref ref, attempt_result as, milliseconds grace) {
    auto const until = host_clock::now() + grace;
    for (auto const& [number, host] : hosts_)
      if (host->batch)
        for (std::size_t i = 0; i < host->batch->items.size(); ++i) {
          auto& item = host->batch->items[i];
          if (item.attempt.ref != ref || item.done)
            continue;
          item.stop_as = item.stop_as.value_or(as);
          item.kill_at = std::min(item.kill_at, until);
          host->ask_stop(i);
          send(number, *host);
          return;
        }
    for (auto at = waiting_.begin(); at != waiting_.end(); ++at)
      if (at->batch)
        for (auto& item : at->batch->items)
          if (item.attempt.ref == ref && !item.done) {
            auto const batch = at->batch;
            batch->over({batch->end(item, as)});
            if (batch->open == 0)
              waiting_.erase(at);
            return;
          }
  }

  std::vector<host_view> view() const {
    std::vector<host_view> list;
    for (auto const& [number, host] : hosts_) {
      if (!host->ending)
        list.push_back(host->view());
    }
    return list;
  }

 private:
  using number = std::uint64_t;
  struct waiter {  // for hosts that are ending on its devices
    std::shared_ptr<host_batch> batch;
    std::vector<device_grant> devices;  // without a batch
    std::function<void()> then;
  };

  void serve() {
    while (!over_) {
      std::array<epoll_event, 64> ready{};
      int const count =
          ::epoll_wait(poller_.get(), ready.data(), static_cast<int>(ready.size()), timeout_ms());
      for (int i = 0; i < count; ++i) {
        auto const& event = ready[static_cast<std::size_t>(i)];
        if (event.data.u64 == 0)
          for (auto const& each : orders_->take())
            each();
        else if (auto const found = hosts_.find(event.data.u64); found != hosts_.end())
          attend(found->first, *found->second, event.events);
      }
      on_time();
    }
    for (auto const& [each, host] : hosts_)
      host->kill(*where_.pool);
    hosts_.clear();
  }

  void watch(int fd, number name, int how, std::uint32_t events) {
    epoll_event event{};
    event.events = events;
    event.data.u64 = name;
    ::epoll_ctl(poller_.get(), how, fd, &event);
  }

  void send(number name, host_process& host) {
    bool const more = host.flush();
    if (!host.silent_since)
      watch(host.channel(), name, EPOLL_CTL_MOD, more ? EPOLLIN | EPOLLOUT : EPOLLIN);
  }

  // Where work goes

  /// True when the batch has a host (or has ended); false when it has to wait for others to go.
  bool place(std::shared_ptr<host_batch> const& batch) {
    auto const reused = idle_host(*batch);
    host_process const* const kept = reused == hosts_.end() ? nullptr : reused->second.get();
    if (!make_way(batch->tenant_id(), batch->devices(), exclusive(batch->devices()), kept))
      return false;
    if (reused != hosts_.end()) {
      reused->second->give(where_, batch);
      send(reused->first, *reused->second);
      return true;
    }
    try {
      start_host(batch);
    } catch (std::system_error const& e) {
      batch->hand_back("spawn", std::string{"the node could not start a stage host: "} + e.what());
    }
    return true;
  }

  /// The idle host that was used last: its memory is the warmest.
  std::map<number, std::unique_ptr<host_process>>::iterator idle_host(host_batch const& batch) {
    auto best = hosts_.end();
    for (auto at = hosts_.begin(); at != hosts_.end(); ++at) {
      auto const& host = *at->second;
      if (!host.ending && !host.batch && !host.silent_since &&
          host.leaves_room(batch.memory_mb()) && host.serves(batch.tenant_id(), batch.devices()) &&
          (best == hosts_.end() || host.idle_since > best->second->idle_since))
        best = at;
    }
    return best;
  }

  /// Ends idle hosts of other tenants on these devices, and for an exclusive grant all but `kept`.
  /// True when none of them is left.
  bool make_way(std::string const& tenant_id, std::vector<device_grant> const& devices, bool all,
                host_process const* kept) {
    bool clear = true;
    for (auto const& [name, host] : hosts_) {
      bool const in_the_way =
          host->uses_any(devices) && host.get() != kept && (all || host->tenant_id != tenant_id);
      if (!in_the_way || (host->batch && !host->ending))
        continue;
      if (!host->ending)
        host->kill(*where_.pool);
      clear = false;
    }
    return clear;
  }

  void start_host(std::shared_ptr<host_batch> const& batch) {
    auto const name = next_++;
    auto made = std::make_unique<host_process>(
        where_, batch->tenant_id(), batch->devices(), batch->memory_mb(),
        [this, to = orders_, name](processes::process_exit exit) {
          to->post([this, name, exit = std::move(exit)] { ended(name, exit); });
        },
        [this, to = orders_, name](pid_t pid) {
          to->post([this, name, pid] { lives(name, pid); });
        });
    auto& host = *(hosts_[name] = std::move(made));
    watch(host.channel(), name, EPOLL_CTL_ADD, EPOLLIN);
    host.give(where_, batch);
    send(name, host);
  }

  void lives(number name, pid_t pid) {
    if (auto const found = hosts_.find(name); found != hosts_.end())
      found->second->pid = pid;
  }

  // What hosts say

  void attend(number name, host_process& host, std::uint32_t events) {
    if ((events & EPOLLOUT) != 0)
      send(name, host);
    if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) == 0)
      return;
    if (!hear(host)) {
      host.silent_since = host_clock::now();
      ::epoll_ctl(poller_.get(), EPOLL_CTL_DEL, host.channel(), nullptr);
    }
  }

  /// False when nothing more comes.
  bool hear(host_process& host) {
    std::vector<stages::host_frame_reader::frame> frames;
    bool open = false;
    try {
      open = host.receive(frames);
      for (auto const& frame : frames)
        obey(host, frame);
    } catch (std::invalid_argument const& e) {
      host.fault = e.what();
      host.kill(*where_.pool);
      return false;
    }
    return open;
  }

  void obey(host_process& host, stages::host_frame_reader::frame const& frame) {
    if (frame.kind == stages::host_frame::over) {
      take(host, stages::message_of<stages::host_outcomes>(frame.document));
    } else if (frame.kind == stages::host_frame::progress) {
      auto told = stages::message_of<stages::host_progress>(frame.document);
      auto const* item = host.item_of(told.sequence);
      if (item != nullptr && !item->done && host.batch->progress)
        host.batch->progress(item->attempt.ref, {told.fraction, std::move(told.text)});
    } else {
      throw std::invalid_argument("a frame that is not for a node");
    }
  }

  void take(host_process& host, stages::host_outcomes told) {
    std::vector<attempt_outcome> outcomes;
    host.pid = static_cast<pid_t>(told.pid);
    for (auto& each : told.outcomes) {
      auto* item = host.item_of(each.sequence);
      if (item == nullptr || item->done)
        continue;
      outcomes.push_back(outcome_told(host, *item, std::move(each)));
    }
    host.served += static_cast<std::int64_t>(outcomes.size());
    host.spent = host.spent || told.spent;
    if (told.resident_mb > 0) {
      host.resident_mb = told.resident_mb;
      if (host.first_resident_mb == 0)
        host.first_resident_mb = told.resident_mb;
    }
    // The host is free before anyone hears of it, so that what they send next finds it.
    auto const batch = host.batch;
    if (batch && batch->open == 0)
      release(host);
    if (!outcomes.empty())
      batch->over(std::move(outcomes));
  }

  void release(host_process& host) {
    host.batch = nullptr;
    host.idle_since = host_clock::now();
    if (host.ending)
      return;
    if (host.served >= settings_.attempts || host.spent || too_old(host) ||
        host.grown_mb() > settings_.grown_mb)
      return host.kill(*where_.pool);
    std::int64_t idle = 0;
    host_process* longest = nullptr;
    for (auto const& [name, each] : hosts_) {
      if (each->ending || each->batch)
        continue;
      ++idle;
      if (longest == nullptr || each->idle_since < longest->idle_since)
        longest = each.get();
    }
    if (idle > settings_.most_idle)
      longest->kill(*where_.pool);
  }

  bool too_old(host_process const& host) const {
    return host_clock::now() - host.started >= milliseconds{settings_.age_ms};
  }

  // How hosts end

  void ended(number name, processes::process_exit const& exit) {
    auto const gone = hosts_.extract(name);
    if (gone.empty())
      return;
    auto const& host = gone.mapped();
    if (exit.is_stuck()) {
      where_.leaders->add_stuck(exit.stuck_below);
      spdlog::error("stage host {} hangs in the kernel; it keeps what it holds", host->pid);
    }
    while (!host->silent_since && hear(*host) && host->fault.empty() && more_to_hear(*host)) {
    }
    if (host->batch)
      conclude(*host, exit);
    auto waiting = std::exchange(waiting_, {});
    for (auto& each : waiting) {
      if (each.batch)
        run(each.batch);
      else
        clear(std::move(each.devices), std::move(each.then));
    }
  }

  static bool more_to_hear(host_process const& host) {
    char byte = 0;
    return ::recv(host.channel(), &byte, 1, MSG_DONTWAIT | MSG_PEEK) > 0;
  }

  /// A host has died with attempts: the one that ran is answered for, those that were to be stopped
  /// are stopped, the others run on a fresh host.
  void conclude(host_process& host, processes::process_exit const& exit) {
    auto const batch = host.batch;
    std::vector<attempt_outcome> outcomes;
    if (exit.fault != processes::spawn_fault::none)
      return batch->hand_back("spawn", "the node could not start a stage host: " + exit.fault_text);
    for (std::size_t i = 0; i < batch->items.size(); ++i)
      if (auto outcome = outcome_of_death(where_, host, i, exit)) {
        remove_files(batch->items[i].attempt);
        outcomes.push_back(std::move(*outcome));
      }
    batch->barren_hosts = host.begun_anything() ? 0 : batch->barren_hosts + 1;
    if (!outcomes.empty())
      batch->over(std::move(outcomes));
    if (batch->open == 0)
      return;
    if (batch->barren_hosts >= most_barren_hosts)
      return batch->hand_back("stage_host",
                              "stage hosts end before they begin: " + describe_end(exit));
    std::erase_if(batch->items, [](auto const& item) { return item.done; });
    for (auto const& item : batch->items)
      remove_files(item.attempt);
    run(batch);
  }

  void remove_files(start_attempt const& attempt) const {
    std::error_code ignored;
    std::filesystem::remove_all(where_.run_dir_of(attempt.ref), ignored);
  }

  // Time

  int timeout_ms() const {
    auto next = host_clock::time_point::max();
    for (auto const& [name, host] : hosts_) {
      if (host->ending)
        continue;
      if (host->silent_since)
        next = std::min(next, *host->silent_since + longest_silence);
      if (!host->batch) {
        next = std::min(next, host->started + milliseconds{settings_.age_ms});
        continue;
      }
      if (host->batch->brief)
        next = std::min(next, host_clock::now() + between_looks);
      for (auto const& item : host->batch->items)
        if (!item.done)
          next = std::min(next, item.kill_at);
    }
    if (next == host_clock::time_point::max())
      return -1;
    auto const left = std::chrono::ceil<milliseconds>(next - host_clock::now()).count();
    return static_cast<int>(std::clamp<std::int64_t>(left, 0, 60'000));
  }

  void on_time() {
    auto const now = host_clock::now();
    for (auto const& [name, host] : hosts_) {
      if (host->ending)
        continue;
      if (host->silent_since && now - *host->silent_since >= longest_silence) {
        host->fault = "it was closed";
        host->kill(*where_.pool);
        continue;
      }
      if (!host->batch) {
        if (too_old(*host))
          host->kill(*where_.pool);
        continue;
      }
      if (host->batch->brief)
        look_at_brief(name, *host, now);
      for (auto const& item : host->batch->items)
        if (!item.done && now >= item.kill_at && !host->ending)
          host->kill(*where_.pool);
    }
  }

  /// A brief attempt that is not brief is stopped like any other that outruns its timeout.
  void look_at_brief(number name, host_process& host, host_clock::time_point now) {
    auto const running = host.running();
    if (running != host.watched) {
      host.watched = running;
      host.watched_since = now;
    }
    auto* item = host.item_of(running);
    if (item == nullptr || item->done || item->stop_as || item->attempt.timeout_ms <= 0 ||
        now - host.watched_since < milliseconds{item->attempt.timeout_ms})
      return;
    item->stop_as = attempt_result::timed_out;
    item->kill_at = now + milliseconds{item->attempt.grace_ms};
    host.ask_stop(static_cast<std::size_t>(item - host.batch->items.data()));
    send(name, host);
  }

  workplace where_;
  host_settings settings_;
  file_descriptor poller_;
  std::shared_ptr<host_orders> const orders_ = std::make_shared<host_orders>();
  std::thread thread_;

  std::map<number, std::unique_ptr<host_process>> hosts_;
  std::vector<waiter> waiting_;
  number next_ = 1;
  bool over_ = false;
};

host_pool::host_pool(workplace where, host_settings settings)
    : loop_(std::make_unique<loop>(std::move(where), settings)) {
  loop_->start();
}

host_pool::~host_pool() {
  loop_->finish();
}

void host_pool::run(host_work work) {
  auto batch = std::make_shared<host_batch>();
  batch->brief = work.brief;
  batch->over = std::move(work.over);
  batch->progress = std::move(work.progress);
  batch->open = work.attempts.size();
  for (auto& attempt : work.attempts)
    batch->items.emplace_back().attempt = std::move(attempt);
  loop_->post([l = loop_.get(), batch] { l->run(batch); });
}

void host_pool::stop(attempt_ref ref, attempt_result as, std::int64_t grace_ms) {
  loop_->post([l = loop_.get(), ref, as, grace_ms] { l->stop(ref, as, milliseconds{grace_ms}); });
}

void host_pool::clear(std::vector<device_grant> devices, std::function<void()> then) {
  loop_->post([l = loop_.get(), devices = std::move(devices), then = std::move(then)]() mutable {
    l->clear(std::move(devices), std::move(then));
  });
}

void host_pool::end_idle(pid_t pid) {
  loop_->post([loop = loop_.get(), pid] { loop->end_idle(pid); });
}

std::vector<host_view> host_pool::hosts() const {
  std::promise<std::vector<host_view>> promise;
  auto answer = promise.get_future();
  loop_->post([l = loop_.get(), &promise] { promise.set_value(l->view()); });
  return answer.get();
}

}  // namespace nsai::actors
