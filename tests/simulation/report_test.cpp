#include "simulation/report.hpp"

#include "simulation/fragmentation.hpp"
#include "simulation/timeline.hpp"
#include "tests/simulation/support.hpp"

using namespace nsai;
using namespace nsai::simulation;
using namespace nsai::simulation::tests;

namespace {

double value(micro x) {
  return static_cast<double>(x.value) / 1e6;
}

}  // namespace

TEST_CASE("report: percentiles of waits are of nearest rank, by tenant and by priority") {
  // One core, ten seconds each: waits of 0, 10, ... 90 seconds.
  auto const r = play_report(R"({"nodes": [{"name": "n", "cpus": 1}]})",
                             R"({"duration_s": 10, "tenant": "a", "count": 10})");
  CHECK(r.wait_s.p50 == milli{40'000});
  CHECK(r.wait_s.p90 == milli{80'000});
  CHECK(r.wait_s.p99 == milli{90'000});
  CHECK(r.tenants.at("a").wait_s.p90 == milli{80'000});
  CHECK(r.tenants.at("a").jobs == 10);
  CHECK(r.tenants.at("a").share.value == 1'000'000);
  CHECK(r.priorities.size() == 1);
  CHECK(r.priorities.at("batch").jobs == 10);
}

TEST_CASE("report: the more urgent wait less, and the waits are told apart") {
  auto const r =
      play_report(R"({"nodes": [{"name": "n", "cpus": 1}], "tenants": {"a": {}, "b": {}}})",
                  R"({"submit_s": 0, "duration_s": 10, "count": 3}
                     {"submit_s": 1, "duration_s": 10, "priority": "realtime"})");
  CHECK(r.priorities.at("realtime").wait_s.p50 == milli{9'000});
  CHECK(r.priorities.at("batch").wait_s.p99 == milli{30'000});
}

TEST_CASE("report: tenants with equal weight that both wait get equal parts: fairness is 1") {
  auto const r = play_report(R"({"nodes": [{"name": "n", "cpus": 8}]})",
                             R"({"duration_s": 10, "tenant": "a", "count": 400}
                                {"duration_s": 10, "tenant": "b", "count": 400})");
  CHECK(value(r.tenants.at("a").share) == doctest::Approx(0.5).epsilon(0.05));
  CHECK(value(r.fairness_index) > 0.99);
}

TEST_CASE("report: weights make parts, and fairness counts by weight") {
  auto const r =
      play_report(R"({"nodes": [{"name": "n", "cpus": 8}], "tenants": {"a": {"weight": 3}}})",
                  R"({"duration_s": 10, "tenant": "a", "count": 600}
         {"duration_s": 10, "tenant": "b", "count": 600})");
  CHECK(value(r.tenants.at("a").share) == doctest::Approx(0.75).epsilon(0.07));
  CHECK(r.tenants.at("a").weight.value == 3000);
  CHECK(value(r.fairness_index) > 0.98);
}

TEST_CASE("report: fairness is 1/n where one of n got everything") {
  history h;
  h.tenants = {"a", "b", "c", "d"};
  h.weights = {1, 1, 1, 1};
  h.jobs_of_tenants = {1, 1, 1, 1};
  h.capacity.cpu = 1000;
  for (std::uint32_t i = 0; i < 4; ++i)
    h.changes.push_back({0, i, 1, {}, 0});
  h.changes.push_back({0, 0, 0, {1000, 0, 0}, 0});
  h.changes.push_back({10'000, 0, -1, {-1000, 0, 0}, 0});
  h.last_end_ms = 10'000;
  auto const r = report_of(h);
  CHECK(value(r.fairness_index) == doctest::Approx(0.25));
  CHECK(value(r.tenants.at("a").share) == doctest::Approx(1));
  CHECK(value(r.allocation.cpu) == doctest::Approx(1));
}

TEST_CASE("report: shares count only while more than one tenant had work queued") {
  history h;
  h.tenants = {"a", "b"};
  h.weights = {1, 1};
  h.jobs_of_tenants = {2, 2};
  h.capacity.cpu = 1000;
  h.changes = {{0, 0, 1, {1000, 0, 0}, 0},       // a runs one and waits with one
               {5000, 1, 1, {}, 0},              // b waits too
               {8000, 0, -1, {-1000, 0, 0}, 0},  // a gives way and waits no more
               {8000, 1, 0, {1000, 0, 0}, 0},
               {20'000, 1, -1, {-1000, 0, 0}, 0}};
  h.last_end_ms = 20'000;
  auto const r = report_of(h);
  CHECK(value(r.tenants.at("a").share) == doctest::Approx(1));
  CHECK(value(r.fairness_index) == doctest::Approx(0.5));
}

TEST_CASE("report: fragmentation is what is free and of no use to the requests of the workload") {
  // Two GPUs but two cores: a job with one GPU and two cores leaves a GPU that none can use.
  std::string const cluster =
      R"({"nodes": [{"name": "n", "cpus": 2, "gpus": [{"model": "A100", "count": 2}]}]})";
  auto const r =
      play_report(cluster, R"({"duration_s": 10, "resources": {"cpu": 2, "gpu_count": 1}})");
  CHECK(value(r.fragmentation) == doctest::Approx(0.5));
  CHECK(value(r.allocation.gpu) == doctest::Approx(0.5));
  auto const fitting =
      play_report(cluster, R"({"duration_s": 10, "resources": {"cpu": 1, "gpu_count": 1}})");
  CHECK(value(fitting.fragmentation) == doctest::Approx(0));
}

TEST_CASE("fragmentation: devices of another model and those with too little left are of no use") {
  auto const cluster = cluster_of(
      R"({"nodes": [{"name": "n", "cpus": 64, "gpus": [{"model": "A100"}, {"model": "T4"}]}]})");
  auto const nodes = nodes_of(cluster);
  fragmentation bound{nodes, workload_of(R"({"duration_s": 1, "resources": {"gpu": "A100"}})")};
  CHECK(bound.unusable_gpus() == doctest::Approx(1));
  fragmentation shared{nodes, workload_of(R"({"duration_s": 1, "resources": {"gpu_share": 0.7}})")};
  CHECK(shared.unusable_gpus() == doctest::Approx(0));
  std::vector<device_grant> devices(1);
  devices[0].share_milli = 600;
  shared.take(0, {1000, 0, devices});
  CHECK(shared.unusable_gpus() == doctest::Approx(0.4));
  shared.give_back(0, {1000, 0, devices});
  CHECK(shared.unusable_gpus() == doctest::Approx(0));
}

TEST_CASE("timeline: means over steps") {
  history h;
  h.tenants = {"a"};
  h.weights = {1};
  h.jobs_of_tenants = {1};
  h.first_submit_ms = 1000;
  h.last_end_ms = 5000;
  h.changes = {{1000, 0, 2, {4000, 0, 2000}, 1.5}, {2500, 0, -2, {-4000, 0, -2000}, 0}};
  auto const t = timeline_of(h, 4);
  CHECK(t.step_s == doctest::Approx(1));
  REQUIRE(t.cores.size() == 1);
  CHECK(t.cores[0] == std::vector<double>{4, 2, 0, 0});
  CHECK(t.gpus[0] == std::vector<double>{2, 1, 0, 0});
  CHECK(t.queued[0] == std::vector<double>{2, 1, 0, 0});
  CHECK(t.unusable_gpus == std::vector<double>{1.5, 0.75, 0, 0});
}
