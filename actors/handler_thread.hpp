#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>

#include "messages/observe.hpp"

namespace nsai::actors {

using event_handler = std::function<void(event const&)>;

/// Calls a handler on a thread of its own, so that one that is slow or blocks delays nobody else.
/// The thread owns what it needs: a handler that never returns keeps its thread until the process
/// ends, and nothing else.
class handler_thread {
 public:
  struct report {
    enum class kind { done, failed, over } what = kind::over;
    std::uint64_t sequence = 0;  // done: of the last event of a batch
    std::string why;             // failed
  };

  /// `tell` is called on that thread: `done` after each batch; at the end `failed` or `over`, once.
  handler_thread(event_handler handler, std::function<void(report)> tell);
  /// Abandons it.
  ~handler_thread();
  handler_thread(handler_thread const&) = delete;
  handler_thread& operator=(handler_thread const&) = delete;

  void give(events&& batch);
  /// The handler is called no more once the call under way has returned; then `over` is told.
  void stop();
  /// Stops it, and nothing is told any more once this has returned.
  void abandon();
  /// Counts up at the beginning and at the end of a call: odd while the handler runs.
  std::uint64_t calls() const;

 private:
  struct shared;
  std::shared_ptr<shared> shared_;
};

}  // namespace nsai::actors
