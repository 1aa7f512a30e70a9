// When a job that waits is expected to start.
#include "scheduling/forecast.hpp"

#include <random>

#include "simulation/driver.hpp"
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

TEST_CASE("forecast: a gang starts when as many nodes as it needs have room") {
  forecasting f;
  f.join(f.node("a", 1));
  f.join(f.node("b", 1));
  f.submitted(f.lasting(10'000));
  f.submitted(f.lasting(30'000));
  std::vector<job_id> gangs;
  for (int i = 0; i < 20; ++i) {  // more than a node offers ports at once
    auto s = f.lasting(1000);
    s.nodes = 2;
    gangs.push_back(f.submitted(s));
  }
  CHECK(f.wait_of(gangs.front()) == 30'000);
  CHECK(f.wait_of({gangs.front().value + 1}) == 30'000);
  CHECK(f.wait_of(gangs.back()) == 49'000);
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

TEST_CASE("forecast: where all goes as expected, it comes true to the millisecond") {
  simulation::cluster_description cluster;
  REQUIRE(
      simulation::read_cluster(
          json::parse(R"({"nodes":[{"name":"a","count":3,"cpus":4,"memory_mb":65536}]})"), cluster)
          .empty());
  for (unsigned seed = 1; seed <= 40; ++seed) {
    CAPTURE(seed);
    std::minstd_rand random{seed};
    std::string lines;
    for (int i = 0; i < 40; ++i) {
      auto const ms = 1000 * static_cast<std::int64_t>(1 + random() % 60);
      json const line{{"submit_s", 0},
                      {"duration_s", ms / 1000},
                      {"tenant", random() % 2 == 0 ? "one" : "two"},
                      {"priority", seed % 2 == 0       ? "batch"
                                   : random() % 2 == 0 ? "batch"
                                                       : "offline"},
                      {"resources", {{"cpu", 1 + random() % 4}}},
                      {"constraints", {{"estimated_duration_ms", ms}}}};
      lines += line.dump() + "\n";
    }
    simulation::workload jobs;
    REQUIRE(simulation::read_workload(lines, "lines", jobs).empty());
    // Of the last one: after it nothing comes that the forecast could not know of.
    simulation::play_settings settings;
    settings.forecasts = 1;
    auto const history = simulation::play(cluster, jobs, settings);
    REQUIRE(history.forecasts.size() == 1);
    CHECK(history.forecasts[0].expected_ms == history.forecasts[0].started_ms);
  }
}
