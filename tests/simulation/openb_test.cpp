#include "simulation/openb.hpp"

#include "simulation/placement_benchmark.hpp"
#include "tests/simulation/support.hpp"

using namespace nsai;
using namespace nsai::simulation;
using namespace nsai::simulation::tests;

namespace {

std::string const nodes_csv =
    "sn,cpu_milli,memory_mib,gpu,model\n"
    "n-0,64000,262144,2,P100\r\n"
    "n-1,96000,393216,4,T4\n"
    "n-2,64000,262144,2,P100\n"
    "n-3,32000,65536,0,\n";
std::string const tasks_csv =
    "name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec,qos,pod_phase,creation_time,deletion_"
    "time,"
    "scheduled_time\n"
    "p-2,4000,1024,1,500,P100|T4,BE,Running,110,200,120\n"
    "p-1,8000,2048,2,1000,,LS,Running,100,400,150\n"
    "p-3,1000,512,0,0,,Burstable,Running,130,190,130\n"
    "p-4,1000,512,1,1000,,LS,Pending,140,150,\n";

openb_trace small_trace() {
  return read_openb(nodes_csv, "nodes.csv", tasks_csv, "tasks.csv");
}

}  // namespace

TEST_CASE("openb: nodes in order of the file, tasks by name") {
  auto const t = small_trace();
  REQUIRE(t.nodes.size() == 4);
  CHECK(t.nodes[1].gpus.size() == 4);
  CHECK(t.capacity_milli == 8000);
  REQUIRE(t.tasks.size() == 4);
  CHECK(t.tasks[0].name == "p-1");
  CHECK(t.tasks[0].gpu_milli() == 2000);
  CHECK(t.tasks[1].gpu_milli() == 500);
  CHECK(t.tasks[2].gpu_milli() == 0);
}

TEST_CASE("openb: as a cluster and a workload of the simulator") {
  auto const got = import_openb(small_trace());
  CHECK(got.jobs == 3);
  CHECK(got.skipped.at("never_ran") == 1);
  auto const cluster = cluster_of(got.cluster);
  CHECK(nodes_of(cluster).size() == 4);
  CHECK(cluster.nodes.size() == 3);
  auto const w = workload_of(got.workload);
  REQUIRE(w.jobs.size() == 3);
  CHECK(w.jobs[0].duration_ms == 250'000);
  CHECK(w.jobs[1].submit_ms == 10'000);
  auto const& share = w.requests[w.jobs[1].request];
  CHECK(share.resources.gpu_share.value == 500);
  CHECK(share.resources.gpu == "P100|T4");
  CHECK(share.priority == priority::offline);
  auto const r = report_of(play(cluster, w));
  CHECK(r.jobs.at("succeeded") == 3);
  CHECK(r.makespan_s.value == 250'000);
}

TEST_CASE("openb: what is wrong is named by file, line and column") {
  auto const tasks = [](std::string const& rows) {
    read_openb(nodes_csv, "nodes.csv",
               "name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec\n" + rows, "tasks.csv");
  };
  CHECK_THROWS_WITH_AS(tasks("p,x,1,0,0,\n"),
                       doctest::Contains("tasks.csv:2: cpu_milli: \"x\" is not allowed"),
                       shape_error);
  CHECK_THROWS_WITH_AS(tasks("p,-1,1,0,0,\n"), doctest::Contains("tasks.csv:2: cpu_milli: \"-1\""),
                       shape_error);
  CHECK_THROWS_WITH_AS(tasks("p,1,1,2,500,\n"),
                       doctest::Contains("tasks.csv:2: gpu_milli: \"500\""), shape_error);
  CHECK_THROWS_WITH_AS(tasks("p,1,1,1,500,T4\xff\n"), doctest::Contains("tasks.csv:2: gpu_spec: "),
                       shape_error);
  CHECK_THROWS_WITH_AS(tasks("p,1,1\n"), doctest::Contains("tasks.csv:2: 3 cells"), shape_error);
  CHECK_THROWS_WITH_AS(tasks(""), doctest::Contains("tasks.csv: there are no tasks"), shape_error);
  CHECK_THROWS_WITH_AS(read_openb("sn,cpu_milli,memory_mib,gpu\n", "nodes.csv", tasks_csv, "t"),
                       doctest::Contains("nodes.csv:1: there is no column model"), shape_error);
}

TEST_CASE("placement benchmark: demand comes to the ratio, and what is placed is what fits") {
  auto const t = small_trace();
  for (std::uint64_t seed = 1; seed < 20; ++seed) {
    auto const result =
        placement_benchmark{t, scheduling::placement_policy::balanced, seed, 1.3}.play();
    CHECK(result.decisions >= t.tasks.size());
    CHECK_FALSE(result.allocation.empty());
    for (auto const& [arrival, percent] : result.allocation) {
      CHECK(arrival <= 156);  // the last one may go beyond the goal
      CHECK(percent <= 100.0001);
    }
    auto const again =
        placement_benchmark{t, scheduling::placement_policy::balanced, seed, 1.3}.play();
    CHECK(again.allocation == result.allocation);
    CHECK(again.failed == result.failed);
  }
}

TEST_CASE("placement benchmark: tasks without GPUs alone come once each") {
  auto const t = read_openb(nodes_csv, "n",
                            "name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec\n"
                            "p,1000,1,0,0,\n",
                            "t");
  auto const result = placement_benchmark{t, scheduling::placement_policy::fgd, 1, 1.3}.play();
  CHECK(result.decisions == 1);
  CHECK(result.failed == 0);
}
