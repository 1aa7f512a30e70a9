#pragma once

#include <chrono>
#include <functional>

#include "messages/values.hpp"

namespace nsai::node {

/// The scheduler's clock: the time of day, but it never jumps. Backoffs, leases and durations are
/// differences of its times, so when the machine's clock is set (by an hour, say, in either
/// direction) this one goes on at nearly its pace, a tenth faster or slower, until the two agree
/// again. It never runs backwards. Time in which the machine slept has passed.
///
/// Rejected: two times in every event of the core, one for differences and one for records; the
/// store would need both as well. Not thread-safe.
class smooth_clock {
 public:
  using nanoseconds = std::chrono::nanoseconds;
  using source = std::function<nanoseconds()>;

  /// CLOCK_BOOTTIME and CLOCK_REALTIME.
  smooth_clock();
  smooth_clock(source steady, source wall);

  timestamp now();
  /// How far the time of day is ahead of this clock, as of the last call of `now`.
  nanoseconds behind() const { return behind_; }

 private:
  source steady_;
  source wall_;
  nanoseconds last_steady_;
  nanoseconds time_;
  nanoseconds behind_{0};
};

}  // namespace nsai::node
