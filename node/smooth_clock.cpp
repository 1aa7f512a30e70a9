#include "node/smooth_clock.hpp"

#include <algorithm>

#include <time.h>

namespace nsai::node {
namespace {

smooth_clock::nanoseconds read(clockid_t clock) {
  timespec t{};
  ::clock_gettime(clock, &t);
  return std::chrono::seconds{t.tv_sec} + std::chrono::nanoseconds{t.tv_nsec};
}

}  // namespace

smooth_clock::smooth_clock()
    : smooth_clock([] { return read(CLOCK_BOOTTIME); }, [] { return read(CLOCK_REALTIME); }) {}

smooth_clock::smooth_clock(source steady, source wall)
    : steady_(std::move(steady)), wall_(std::move(wall)), last_steady_(steady_()), time_(wall_()) {}

timestamp smooth_clock::now() {
  auto const steady = steady_();
  auto const elapsed = std::max(steady - last_steady_, nanoseconds{0});
  last_steady_ = std::max(steady, last_steady_);
  time_ += elapsed;
  auto const most = elapsed / 10;
  time_ += std::clamp(wall_() - time_, -most, most);
  behind_ = wall_() - time_;
  return {std::chrono::duration_cast<std::chrono::milliseconds>(time_).count()};
}

}  // namespace nsai::node
