// When a job that waits is expected to start.
#include "scheduling/forecast.hpp"

#include <algorithm>
#include <cstdlib>
#include <random>

#include "tests/scheduling/fixture.hpp"

using namespace nsai;
using namespace nsai::scheduling;
using namespace nsai::scheduling::tests;

namespace {

struct forecasting : fixture {
  using fixture::fixture;
  std::optional<std::int64_t> wait_of(job_id job) const {
    auto const at = forecast_start(core_.hypothetical(), job, now_);
    return at ? std::optional{*at - now_} : std::nullopt;
  }
  static submission lasting(std::int64_t ms, std::int64_t cores = 1) {
    auto s = job();
    s.constraints.estimated_duration_ms = ms;
    s.resources.cpu.value = cores * 1000;
    return s;
  }
  static submission endless() {
    auto s = job();
    s.constraints.timeout_ms = 0;
    return s;
  }
};

}  // namespace

TEST_CASE("forecast: after what runs, and after what has the turn before") {
  forecasting f;
  f.join(f.node("a", 1));
  f.submitted(f.lasting(10'000));
  f.advance(4000);
  auto const second = f.submitted(f.lasting(20'000));
  auto const third = f.submitted(f.lasting(5000));
  CHECK(f.wait_of(second) == 6000);
  CHECK(f.wait_of(third) == 26'000);
  CHECK(f.wait_of(third) == 26'000);  // to look changes nothing
}

TEST_CASE("forecast: none where nobody knows when the room is there") {
  forecasting f;
  auto const lonely = f.submitted(f.lasting(1000));
  CHECK_FALSE(f.wait_of(lonely));
  f.join(f.node("a", 1));
  CHECK(f.runs(lonely));
  f.end(lonely);
  f.submitted(f.endless());
  auto const behind = f.submitted(f.lasting(1000));
  CHECK_FALSE(f.wait_of(behind));
  f.join(f.node("b", 1));
  CHECK(f.runs(behind));
}

TEST_CASE("forecast: none beyond the number of events that it may take") {
  forecasting f;
  f.join(f.node("a", 1));
  std::vector<job_id> jobs;
  for (int i = 0; i < 20; ++i)
    jobs.push_back(f.submitted(f.lasting(1000)));
  auto const within = [&](std::size_t events) {
    return forecast_start(f.core_.hypothetical(), jobs.back(), f.now_, events).has_value();
  };
  CHECK(within(1000));
  CHECK_FALSE(within(10));
}

TEST_CASE("forecast: times, backoff, dependencies, groups, limits of arrays and quotas are in it") {
  core_settings settings;
  settings.tenants["q"].quota.running = 1;
  forecasting f{settings};
  f.join(f.node("a", 8));
  auto later = f.lasting(1000);
  later.constraints.not_before = f.now_ + 7000;
  CHECK(f.wait_of(f.submitted(later)) == 7000);

  auto const first = f.submitted(f.lasting(9000));
  auto after = f.lasting(1000);
  after.constraints.depends_on = {first};
  CHECK(f.wait_of(f.submitted(after)) == 9000);

  auto grouped = f.lasting(3000);
  grouped.constraints.concurrency_group = "g";
  f.submitted(grouped);
  CHECK(f.wait_of(f.submitted(grouped)) == 3000);

  auto bounded = f.lasting(2000);
  bounded.tenant_id = "q";
  f.submitted(bounded);
  CHECK(f.wait_of(f.submitted(bounded)) == 2000);

  auto array = f.lasting(4000);
  array.array = array_spec{0, 2, 1, 1, {}};
  auto const parent = f.submitted(array);
  CHECK(f.wait_of({parent.value + 2}) == 4000);
  CHECK(f.wait_of({parent.value + 3}) == 8000);

  auto const fails = f.submitted(f.lasting(1000));
  f.end(fails, attempt_result::failed);
  f.decide(fails, true, 5000);
  CHECK(f.wait_of(fails) == 5000);
}

TEST_CASE("forecast: where all goes as expected, it comes true") {
  for (unsigned seed = 1; seed <= 20; ++seed) {
    CAPTURE(seed);
    std::minstd_rand random{seed};
    core_settings settings;
    settings.tenants["*"].max_priority = priority::realtime;
    forecasting f{settings};
    for (auto const* const name : {"a", "b", "c"})
      f.join(f.node(name, 4));
    std::map<job_id, std::int64_t> takes;
    for (int i = 0; i < 40; ++i) {
      auto const ms = 1000 * static_cast<std::int64_t>(1 + random() % 60);
      auto s = f.lasting(ms, 1 + random() % 4);
      s.tenant_id = random() % 2 == 0 ? "one" : "two";
      s.priority = static_cast<priority>(random() % 4);
      takes[f.submitted(s)] = ms;
    }
    std::map<job_id, timestamp> expected;
    for (auto const& [job, ms] : takes)
      if (!f.runs(job)) {
        auto const at = forecast_start(f.core_.hypothetical(), job, f.now_);
        REQUIRE(at);
        expected[job] = *at;
      }
    CHECK_FALSE(expected.empty());
    // What was forecast now happens, each end at its time.
    std::map<job_id, timestamp> started;
    std::map<job_id, timestamp> ends;
    while (started.size() < expected.size()) {
      for (auto const& [job, ms] : takes) {
        if (f.has_ended(job) || !f.runs(job))
          continue;
        if (!ends.contains(job)) {
          ends[job] = f.now_ + ms;
          if (expected.contains(job))
            started[job] = f.now_;
        }
      }
      auto const next =
          std::min_element(ends.begin(), ends.end(), [](auto const& a, auto const& b) {
            return std::pair(a.second, a.first) < std::pair(b.second, b.first);
          });
      if (next == ends.end() || next->second > f.now_) {
        f.advance(1000);
        continue;
      }
      auto const job = next->first;
      ends.erase(next);
      f.end(job, attempt_result::succeeded, takes[job]);
      takes.erase(job);
    }
    std::int64_t off = 0;
    for (auto const& [job, at] : expected)
      off = std::max(off, std::abs(started.at(job) - at));
    CHECK(off <= 1000);
  }
}
