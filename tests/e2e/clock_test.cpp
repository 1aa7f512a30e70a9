// The clock of a machine is set by an hour while jobs run.
#include <array>
#include <fstream>

#include <doctest/doctest.h>
#include <time.h>

#include "tests/e2e/cluster.hpp"
#include "tests/e2e/store_check.hpp"

using namespace nsai::tests;
using namespace std::chrono_literals;

namespace {

constexpr std::int64_t hour_s = 3600;

struct clocks {
  clocks() {
    config = c.directory() / "config.json";
    std::ofstream{config} << R"({"heartbeat_ms": 200, "lease_ms": 1500, "adopt_ms": 5000,
                                  "events": {"file": "events.jsonl"}})";
    for (auto const* name : {"head", "a"}) {
      set(name, 0);
      c.add_environment(name,
                        {{"LD_PRELOAD", NSAI_CLOCK_SHIM}, {"NSAI_TEST_CLOCK", file_of(name)}});
    }
    c.start_head({"--config", config, "--no-work"});
    c.start_node("a", {"--config", config, "--cpus", "4"});
  }

  std::string file_of(std::string const& name) const { return c.directory() / (name + ".clock"); }

  /// Written in place: the node has the file mapped.
  void set(std::string const& name, std::int64_t offset_s) const {
    std::fstream out{file_of(name), std::ios::in | std::ios::out | std::ios::binary};
    if (!out)
      out.open(file_of(name), std::ios::out | std::ios::binary);
    out.write(reinterpret_cast<char const*>(&offset_s), sizeof offset_s);
  }

  std::size_t events_named(std::string const& name) const {
    std::size_t count = 0;
    for (auto const& e : c.ask({"events", "--name", name}))
      count += e.at("name") == name ? 1 : 0;
    return count;
  }

  /// No record tells of a time of an hour that was not.
  void check_durations() const {
    for (auto const& summary : c.ask({"jobs", "--all-tenants"}))
      for (auto const& attempt : c.job(summary.at("id")).at("attempts")) {
        CAPTURE(attempt.dump());
        auto const ms = attempt.at("duration_ms").get<std::int64_t>();
        CHECK(ms >= 0);
        CHECK(ms < 120'000);
      }
    for (auto const& e : c.ask({"events"}))
      for (auto const& [what, value] : e.at("measurements").items()) {
        CAPTURE(e.dump());
        CHECK(value.get<std::int64_t>() >= 0);
        CHECK(value.get<std::int64_t>() < 120'000);
      }
  }

  cluster c;
  std::string config;
};

}  // namespace

TEST_CASE("the clocks of this test can be set") {
  cluster c;
  auto const file = (c.directory() / "clock").string();
  std::int64_t const ahead = hour_s;
  std::ofstream{file, std::ios::binary}.write(reinterpret_cast<char const*>(&ahead), sizeof ahead);
  auto const shown = run_program({"date", "+%s"},
                                 {{"LD_PRELOAD", NSAI_CLOCK_SHIM}, {"NSAI_TEST_CLOCK", file}}, 10s);
  CHECK(std::stoll(shown.out) - ::time(nullptr) > hour_s - 60);
}

TEST_CASE("a node's clock is set an hour ahead and then back: no lease ends, no job notices") {
  clocks t;
  auto const job = t.c.submit({"--timeout", "30s", "--max-retries", "0", "--", "sleep", "3"});
  auto const stage = t.c.submit(
      {"--stage", "sleep", "--set", "seconds=3", "--timeout", "30s", "--max-retries", "0"});
  REQUIRE(t.c.wait_status(job, "running"));
  for (auto const offset : {hour_s, -hour_s, std::int64_t{0}}) {
    t.set("a", offset);
    CHECK(t.c.ask({"submit", "--stage", "echo", "--wait"}).at(0).at("status") == "succeeded");
    CHECK(t.c.ask({"submit", "--wait", "--", "true"}).at(0).at("status") == "succeeded");
  }
  // A stage that is too slow is stopped after its time, not after an hour, nor at once.
  t.set("a", -hour_s);
  auto const slow = t.c.submit(
      {"--stage", "sleep", "--set", "seconds=100", "--timeout", "1s", "--max-retries", "0"});
  CHECK(t.c.wait_status(slow, "timeout"));
  for (auto const each : {job, stage}) {
    CHECK(t.c.wait_status(each, "succeeded"));
    CHECK(t.c.job(each).at("attempt") == 1);
  }
  CHECK(t.events_named("work.node.lost") == 0);
  t.check_durations();
}

TEST_CASE(
    "the scheduler's clock is set an hour ahead: nobody is lost, and backoffs take their time") {
  clocks t;
  auto const job = t.c.submit({"--timeout", "60s", "--max-retries", "0", "--", "sleep", "3"});
  REQUIRE(t.c.wait_status(job, "running"));
  auto const patient = t.c.submit({"--stage", "flaky", "--retry-backoff", "30s"});
  REQUIRE(eventually([&] { return t.events_named("work.job.retry") == 1; }));
  t.set("head", hour_s);
  CHECK(t.c.ask({"submit", "--stage", "flaky", "--retry-backoff", "500ms", "--wait"})
            .at(0)
            .at("status") == "succeeded");
  CHECK(t.c.wait_status(job, "succeeded"));
  CHECK(t.c.job(job).at("attempt") == 1);
  CHECK(t.c.job(patient).at("attempt") == 1);
  CHECK(t.c.run({"cancel", std::to_string(patient)}).exit_code == 0);
  CHECK(t.events_named("work.node.lost") == 0);
  t.check_durations();
}

TEST_CASE(
    "the scheduler's clock is set an hour back: retries and leases do not wait for an hour, over a "
    "restart neither") {
  clocks t;
  auto const job = t.c.submit({"--timeout", "60s", "--max-retries", "0", "--", "sleep", "3"});
  REQUIRE(t.c.wait_status(job, "running"));
  t.set("head", -hour_s);
  CHECK(t.c.ask({"submit", "--stage", "flaky", "--retry-backoff", "500ms", "--wait"})
            .at(0)
            .at("status") == "succeeded");
  CHECK(t.c.wait_status(job, "succeeded"));
  CHECK(t.events_named("work.node.lost") == 0);
  // Leases still end: a node that is killed is lost, and what it ran goes on elsewhere.
  auto const next = t.c.submit({"--max-retries", "0", "--", "sleep", "2"});
  REQUIRE(t.c.wait_status(next, "running"));
  t.c.node("a").kill_hard();
  t.c.start_node("b", {"--config", t.config, "--cpus", "2"});
  CHECK(t.c.wait_status(next, "succeeded"));
  t.check_durations();
  // Started anew with the clock as it is, so that all times in the store lie in its future.
  auto const waiting = t.c.submit({"--stage", "sleep", "--set", "seconds=1"});
  t.c.node("head").kill_hard();
  t.set("head", -2 * hour_s);
  t.c.start_head({"--config", t.config, "--no-work"});
  CHECK(t.c.wait_status(waiting, "succeeded"));
  CHECK(t.c.ask({"submit", "--stage", "flaky", "--retry-backoff", "500ms", "--wait"})
            .at(0)
            .at("status") == "succeeded");
  t.check_durations();
}
