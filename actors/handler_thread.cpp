#include "actors/handler_thread.hpp"

#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>

#include <signal.h>

namespace nsai::actors {

struct handler_thread::shared {
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<events> inbox;
  std::function<void(report)> tell;  // empty: abandoned
  std::atomic<bool> stopped = false;
  std::atomic<std::uint64_t> calls = 0;
  event_handler handler;

  void say(report r) {
    // Under the lock, so that `abandon` returns only when nothing is being told.
    std::lock_guard const lock{mutex};
    if (tell)
      tell(std::move(r));
  }

  void handle(events const& batch) {
    for (auto const& e : batch.list) {
      if (stopped)
        return;
      ++calls;
      struct end_of_call {
        std::atomic<std::uint64_t>& calls;
        ~end_of_call() { ++calls; }
      } const end{calls};
      handler(e);
    }
    say({report::kind::done, batch.list.back().sequence, {}});
  }

  void run() {
    try {
      for (;;) {
        std::unique_lock lock{mutex};
        changed.wait(lock, [this] { return stopped || !inbox.empty(); });
        if (stopped)
          break;
        auto const batch = std::move(inbox.front());
        inbox.pop_front();
        lock.unlock();
        handle(batch);
      }
      say({report::kind::over, 0, {}});
    } catch (std::exception const& fault) {
      say({report::kind::failed, 0, std::string{"it threw: "} + fault.what()});
    } catch (...) {
      say({report::kind::failed, 0, "it threw something that is no std::exception"});
    }
  }
};

handler_thread::handler_thread(event_handler handler, std::function<void(report)> tell)
    : shared_(std::make_shared<shared>()) {
  shared_->handler = std::move(handler);
  shared_->tell = std::move(tell);
  // Signals are for the threads that wait for them.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  std::thread{[s = shared_] { s->run(); }}.detach();
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

handler_thread::~handler_thread() {
  abandon();
}

void handler_thread::give(events&& batch) {
  {
    std::lock_guard const lock{shared_->mutex};
    shared_->inbox.push_back(std::move(batch));
  }
  shared_->changed.notify_one();
}

void handler_thread::stop() {
  {
    std::lock_guard const lock{shared_->mutex};
    shared_->stopped = true;
    shared_->inbox.clear();
  }
  shared_->changed.notify_one();
}

void handler_thread::abandon() {
  stop();
  std::function<void(report)> gone;
  std::lock_guard const lock{shared_->mutex};
  gone.swap(shared_->tell);
}

std::uint64_t handler_thread::calls() const {
  return shared_->calls;
}

}  // namespace nsai::actors
