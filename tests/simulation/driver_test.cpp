#include "simulation/driver.hpp"

#include <random>

#include "tests/simulation/support.hpp"

using namespace nsai;
using namespace nsai::simulation;
using namespace nsai::simulation::tests;

namespace nsai::simulation::tests {

std::string drawn_workload(std::uint64_t seed, int lines) {
  std::mt19937_64 random(seed);
  std::string text;
  for (int i = 0; i < lines; ++i) {
    json job{{"submit_s", random() % 2000},
             {"duration_s", 1 + random() % 600},
             {"tenant", "t" + std::to_string(random() % 3)},
             {"priority", random() % 5 == 0 ? "interactive" : "batch"},
             {"resources", {{"cpu", 1 + random() % 8}}},
             {"count", 1 + random() % 3}};
    if (random() % 3 == 0)
      job["resources"]["gpu_count"] = 1 + random() % 4;
    if (random() % 9 == 0)
      job["constraints"] = {{"timeout_ms", 100'000}, {"max_retries", 1}};
    text += job.dump() + "\n";
  }
  return text;
}

}  // namespace nsai::simulation::tests

namespace {

std::string const mixed_cluster =
    R"({"nodes": [{"name": "g", "count": 4, "cpus": 32, "memory_mb": 65536,
                   "gpus": [{"model": "A100", "memory_mb": 40960, "count": 4}]},
                  {"name": "c", "count": 2, "cpus": 16, "memory_mb": 65536}]})";

std::string cluster_with_cores(int cores, int nodes = 1) {
  return R"({"nodes": [{"name": "n", "count": )" + std::to_string(nodes) + R"(, "cpus": )" +
         std::to_string(cores) + "}]}";
}

}  // namespace

TEST_CASE("simulation: one tenant's equal jobs take ceil(jobs / slots) times as long as one") {
  for (int const slots : {1, 3, 8})
    for (int const jobs : {1, 3, 8, 17}) {
      CAPTURE(slots);
      CAPTURE(jobs);
      auto const r = play_report(cluster_with_cores(slots),
                                 R"({"duration_s": 60, "count": )" + std::to_string(jobs) + "}");
      CHECK(r.makespan_s.value == (jobs + slots - 1) / slots * 60'000);
      CHECK(r.jobs.at("succeeded") == jobs);
      CHECK(r.attempts == jobs);
    }
}

TEST_CASE("simulation: what was held is what ran: the allocation is the sum of the run times") {
  auto const cluster = cluster_of(mixed_cluster);
  auto const jobs = workload_of(drawn_workload(7, 300));
  auto const h = play(cluster, jobs);
  auto const r = report_of(h);
  double expected_cpu = 0;
  double expected_gpu = 0;
  std::int64_t attempts = 0;
  for (auto const& each : jobs.jobs) {
    auto const& s = jobs.requests[each.request];
    auto const limit = *s.constraints.timeout_ms;
    bool const times_out = limit > 0 && each.duration_ms > limit;
    auto const runs = each.count * (times_out ? 1 + *s.constraints.max_retries : 1);
    auto const ms = static_cast<double>(runs * (times_out ? limit : each.duration_ms));
    expected_cpu += ms * static_cast<double>(s.resources.cpu.value);
    expected_gpu += ms * s.resources.gpu_count * 1000;
    attempts += runs;
  }
  CHECK(r.attempts == attempts);
  auto const makespan = static_cast<double>(r.makespan_s.value);
  CHECK(static_cast<double>(r.allocation.cpu.value) / 1e6 ==
        doctest::Approx(expected_cpu / (makespan * static_cast<double>(h.capacity.cpu))));
  CHECK(static_cast<double>(r.allocation.gpu.value) / 1e6 ==
        doctest::Approx(expected_gpu / (makespan * static_cast<double>(h.capacity.gpu))));
  held_amounts now;
  std::int64_t queued = 0;
  for (auto const& c : h.changes) {
    now.cpu += c.held.cpu;
    now.gpu += c.held.gpu;
    queued += c.queued;
    CHECK(now.cpu >= 0);
    CHECK(now.cpu <= h.capacity.cpu);
    CHECK(now.gpu <= h.capacity.gpu);
    CHECK(queued >= 0);
  }
  CHECK(now.cpu == 0);
  CHECK(queued == 0);
}

TEST_CASE("simulation: equal seeds give equal bytes") {
  auto const jobs = drawn_workload(11, 200);
  for (auto const policy :
       {scheduling::placement_policy::balanced, scheduling::placement_policy::random}) {
    auto const first = write_json(play_report(mixed_cluster, jobs, {policy, 5})).dump();
    CHECK(first == write_json(play_report(mixed_cluster, jobs, {policy, 5})).dump());
  }
  auto const random = scheduling::placement_policy::random;
  CHECK(write_json(play_report(mixed_cluster, jobs, {random, 5})).dump() !=
        write_json(play_report(mixed_cluster, jobs, {random, 6})).dump());
}

TEST_CASE("simulation: more nodes never make equal jobs take longer") {
  std::int64_t before = std::numeric_limits<std::int64_t>::max();
  for (int nodes = 1; nodes <= 6; ++nodes) {
    auto const r = play_report(cluster_with_cores(4, nodes), R"({"duration_s": 100, "count": 50})");
    CHECK(r.makespan_s.value <= before);
    before = r.makespan_s.value;
  }
}

TEST_CASE("simulation: a job that is too long for its timeout is tried again, and times out") {
  auto const r = play_report(
      cluster_with_cores(1),
      R"({"duration_s": 100, "constraints": {"timeout_ms": 30000, "max_retries": 2, "jitter": 0, "retry_backoff_ms": 1000, "backoff": "exponential"}})");
  CHECK(r.jobs.at("timeout") == 1);
  CHECK(r.jobs.at("succeeded") == 0);
  CHECK(r.attempts == 3);
  CHECK(r.makespan_s.value == 3 * 30'000 + 1000 + 2000);
  CHECK(r.allocation.cpu.value == std::llround(90'000.0 / 93'000 * 1e6));
  CHECK(r.utilisation.cpu.value == 0);
}

TEST_CASE("simulation: a job without a timeout runs as long as it takes") {
  auto const r = play_report(cluster_with_cores(1), R"({"duration_s": 1000000})");
  CHECK(r.jobs.at("succeeded") == 1);
  CHECK(r.makespan_s.value == 1'000'000'000);
}

TEST_CASE("simulation: deadlines and not_before count from the start of virtual time") {
  auto const r = play_report(cluster_with_cores(1),
                             R"({"duration_s": 100}
         {"duration_s": 10, "constraints": {"deadline": "2000-01-01T00:01:00Z"}}
         {"duration_s": 10, "constraints": {"not_before": "2000-01-01T00:10:00Z"}})");
  CHECK(r.jobs.at("timeout") == 1);
  CHECK(r.jobs.at("succeeded") == 2);
  CHECK(r.makespan_s.value == 610'000);
  CHECK(r.wait_s.p99 == milli{0});  // the wait counts from not_before
}

TEST_CASE("simulation: an attempt that the deadline stops is gone at once") {
  auto const r =
      play_report(cluster_with_cores(1),
                  R"({"duration_s": 100, "constraints": {"deadline": "2000-01-01T00:00:30Z"}})");
  CHECK(r.jobs.at("timeout") == 1);
  CHECK(r.makespan_s.value == 30'000);
}

TEST_CASE("simulation: what is impossible stays queued, and the reason is told") {
  auto const r = play_report(cluster_with_cores(2),
                             R"({"duration_s": 5}
                                {"duration_s": 5, "resources": {"cpu": 3}, "count": 4})");
  CHECK(r.jobs.at("succeeded") == 1);
  CHECK(r.jobs.at("queued") == 4);
  REQUIRE(r.remarks.size() == 1);
  CHECK(r.remarks[0].starts_with("never started: "));
}

TEST_CASE("simulation: what the core refuses is counted, with the reason") {
  auto const r = play_report(
      R"({"nodes": [{"name": "n", "cpus": 4}], "tenants": {"a": {"quota": {"cpu": 2}}}})",
      R"({"duration_s": 5, "tenant": "a", "resources": {"cpu": 3}}
         {"duration_s": 5, "tenant": "a", "resources": {"cpu": 1}, "count": 4})");
  CHECK(r.jobs.at("refused") == 1);
  CHECK(r.jobs.at("succeeded") == 4);
  CHECK(r.makespan_s.value == 10'000);  // two at a time, by the quota
  REQUIRE(r.remarks.size() == 1);
  CHECK(r.remarks[0].find("quota.cpu") != std::string::npos);
}

TEST_CASE("simulation: a realtime job stops a preemptible one, which starts again afterwards") {
  auto const r = play_report(
      cluster_with_cores(1),
      R"({"duration_s": 3600, "priority": "offline", "constraints": {"preemptible": true}}
         {"submit_s": 1200, "duration_s": 60, "priority": "realtime"})");
  CHECK(r.preemptions == 1);
  CHECK(r.attempts == 3);
  CHECK(r.jobs.at("succeeded") == 2);
  CHECK(r.priorities.at("realtime").wait_s.p99->value <= 2000);
  CHECK(r.makespan_s.value <= (1200 + 60 + 3600 + 4) * 1000);
  CHECK(r.utilisation.cpu < r.allocation.cpu);
}

TEST_CASE("simulation: smaller jobs that keep coming do not overtake one that needs all for ever") {
  std::string jobs =
      R"({"submit_s": 210, "duration_s": 10, "tenant": "wide", "resources": {"cpu": 4}})"
      "\n";
  for (int i = 0; i < 200; ++i)
    jobs += json{{"submit_s", i * 25},
                 {"duration_s", 100},
                 {"constraints", {{"estimated_duration_ms", 100'000}}}}
                .dump() +
            "\n";
  auto const r = play_report(cluster_with_cores(4), jobs);
  CHECK(r.tenants.at("wide").wait_s.p50->value <= 110'000);
}

TEST_CASE("simulation: every job of a drawn workload ends, whatever the policy") {
  for (std::uint64_t seed = 1; seed <= 5; ++seed)
    for (auto const name : scheduling::placement_policy_names) {
      CAPTURE(seed);
      CAPTURE(name);
      auto const jobs = workload_of(drawn_workload(seed, 150));
      auto const r = report_of(
          play(cluster_of(mixed_cluster), jobs, {*scheduling::placement_policy_named(name), seed}));
      std::int64_t ended = 0;
      for (auto const& [status, count] : r.jobs) {
        CHECK((status == "succeeded" || status == "timeout"));
        ended += count;
      }
      CHECK(ended == jobs.count());
    }
}
