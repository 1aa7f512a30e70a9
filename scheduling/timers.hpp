#pragma once

#include <compare>
#include <optional>
#include <set>

#include "messages/values.hpp"

namespace nsai::scheduling {

/// The earlier one of two times of which 0 is none.
inline void take_earlier(timestamp& t, timestamp other) {
  if (other && (!t || other < t))
    t = other;
}

enum class timer_kind : std::uint8_t { not_before, backoff, deadline, max_cost };

struct timer {
  timestamp at;
  job_id job;
  timer_kind kind = timer_kind::not_before;
  friend auto operator<=>(timer const&, timer const&) = default;
};

/// Points in time at which something happens to a job, in order. A timer goes with its job, so that
/// distant deadlines of finished jobs do not pile up.
class timers {
 public:
  void add(timer t) { set_.insert(t); }
  void remove(timer t) { set_.erase(t); }
  /// Takes the earliest timer whose time has come.
  std::optional<timer> take_due(timestamp now) {
    if (set_.empty() || set_.begin()->at > now)
      return std::nullopt;
    auto const due = *set_.begin();
    set_.erase(set_.begin());
    return due;
  }
  /// The earliest time; 0 when there is none.
  timestamp next() const { return set_.empty() ? timestamp{} : set_.begin()->at; }
  bool contains(timer t) const { return set_.contains(t); }
  std::size_t size() const { return set_.size(); }

 private:
  std::set<timer> set_;
};

}  // namespace nsai::scheduling
