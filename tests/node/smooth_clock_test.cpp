#include "node/smooth_clock.hpp"

#include <doctest/doctest.h>

using namespace nsai;
using namespace std::chrono_literals;
using node::smooth_clock;

namespace {

struct two_clocks {
  smooth_clock::nanoseconds steady = 5s;
  smooth_clock::nanoseconds wall = 1'000'000s;
  smooth_clock clock{[this] { return steady; }, [this] { return wall; }};

  std::int64_t after(smooth_clock::nanoseconds time) {
    steady += time;
    wall += time;
    return clock.now().ms;
  }
};

}  // namespace

TEST_CASE("the clock shows the time of day while nobody sets it") {
  two_clocks c;
  CHECK(c.clock.now().ms == 1'000'000'000);
  CHECK(c.after(1500ms) == 1'000'001'500);
}

TEST_CASE("set an hour ahead: it runs a tenth faster until it has caught up") {
  two_clocks c;
  auto const before = c.clock.now().ms;
  c.wall += 1h;
  CHECK(c.clock.now().ms == before);
  CHECK(c.after(10s) == before + 11'000);
  CHECK(c.clock.behind() == 1h - 1s);
  CHECK(c.after(11h) == before + 10'000 + 11 * 3'600'000 + 3'600'000);
}

TEST_CASE("set an hour back: it runs a tenth slower, and never backwards") {
  two_clocks c;
  auto last = c.clock.now().ms;
  auto const first = last;
  c.wall -= 1h;
  for (int i = 0; i < 1000; ++i) {
    auto const now = c.after(10ms);
    CHECK(now >= last);
    last = now;
  }
  CHECK(last == first + 9000);
  CHECK(c.after(11h) == first + 10'000 + 11 * 3'600'000 - 3'600'000);
}
