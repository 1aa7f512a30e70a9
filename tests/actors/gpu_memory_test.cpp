#include "actors/gpu_memory.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

using namespace nsai;
using namespace nsai::actors;

namespace {

devices::reading shown(std::string uuid, std::vector<devices::gpu_process> processes) {
  devices::reading r;
  r.uuid = std::move(uuid);
  r.processes = std::move(processes);
  return r;
}

/// Tens are leaders, and what follows up to the next ten is below them.
bool by_tens(std::int64_t pid, std::int64_t root) {
  return pid / 10 == root / 10;
}

start_attempt granted(attempt_ref ref, std::vector<device_grant> devices) {
  start_attempt a;
  a.ref = ref;
  a.devices = std::move(devices);
  return a;
}

attempt_ref const one{job_id{1}, 1};
attempt_ref const two{job_id{2}, 1};

}  // namespace

TEST_CASE("an attempt uses what the processes below its leader hold, device by device") {
  std::vector<attempt_leader> const leaders{{one, 10}, {two, 20}};
  auto const uses = memory_of_attempts(
      {shown("GPU-a", {{11, 500}, {12, 700}, {21, 300}, {99, 9000}}), shown("GPU-b", {{11, 40}})},
      leaders, by_tens);
  CHECK(uses ==
        std::vector<gpu_memory_use>{{one, "GPU-a", 1200}, {two, "GPU-a", 300}, {one, "GPU-b", 40}});
}

TEST_CASE("what was given up is nobody's, as long as it is there") {
  program_leaders leaders;
  auto const self = static_cast<std::int64_t>(::getpid());
  leaders.add(one, self);
  CHECK(leaders.all() == std::vector<attempt_leader>{{one, self}});
  leaders.remove(one);
  CHECK(leaders.all().empty());
  leaders.add_stuck(self);
  REQUIRE(leaders.all().size() == 1);
  CHECK(leaders.all()[0].is_given_up());
  leaders.add_stuck(4'194'999);  // is not there
  CHECK(leaders.all().size() == 1);
  CHECK(memory_of_attempts({shown("GPU-a", {{self, 500}})}, leaders.all(), by_tens).empty());
}

TEST_CASE("devices that show no processes, and processes that tell no memory, charge nobody") {
  devices::reading hidden;
  hidden.uuid = "GPU-a";
  CHECK(memory_of_attempts({hidden}, {{one, 10}}, by_tens).empty());
  CHECK(memory_of_attempts({shown("GPU-a", {{11, std::nullopt}})}, {{one, 10}}, by_tens) ==
        std::vector<gpu_memory_use>{{one, "GPU-a", 0}});
}

TEST_CASE("more than was granted of a device is an excess; as much is none, nor is a neighbour's") {
  device_grant quarter;
  quarter.index = 3;
  quarter.uuid = "GPU-a";
  quarter.memory_mb = 20'000;
  quarter.share_milli = 250;
  auto const mine = granted(one, {quarter});
  CHECK(excess_of(mine, {{one, "GPU-a", 20'000}, {two, "GPU-a", 50'000}}).empty());
  CHECK(excess_of(mine, {{one, "GPU-b", 50'000}}).empty());
  CHECK(excess_of(mine, {{one, "GPU-a", 20'001}}) ==
        "the job held 20001 MiB of GPU 3's memory, CUDA's own context included; it had reserved "
        "20000 "
        "(resources.gpu_memory_mb, or its share of the GPU)");
}

TEST_CASE("a host that went on to another attempt while it was looked at counts for neither") {
  CHECK(that_stayed({{one, 10}, {two, 20}}, {{one, 10}, {{job_id{3}, 1}, 20}}) ==
        std::vector<attempt_leader>{{one, 10}});
}

TEST_CASE("leaders of programs come and go") {
  program_leaders leaders;
  leaders.add(one, 10);
  leaders.add(two, 20);
  leaders.remove(one);
  REQUIRE(leaders.all().size() == 1);
  CHECK(leaders.all().front().pid == 20);
}
