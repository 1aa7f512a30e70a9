#include "actors/room.hpp"

#include <doctest/doctest.h>

using namespace nsai;

namespace {

node_info node_with_gpu() {
  node_info node;
  node.cpus = milli{2000};
  node.memory_mb = 1000;
  node.gpus = {{0, "u", "A100", 80'000, true}};
  return node;
}

start_attempt attempt(std::int64_t cpu, std::int64_t memory, std::int64_t share = 0) {
  start_attempt a;
  a.cpu = milli{cpu};
  a.memory_mb = memory;
  if (share > 0)
    a.devices = {{0, "u", "A100", 80 * share, share, true}};
  return a;
}

}  // namespace

TEST_CASE("room: what is taken is not there for the next (P3)") {
  actors::room room{node_with_gpu()};
  auto const big = attempt(1500, 600);
  REQUIRE(room.fits(big));
  room.take(big);
  CHECK_FALSE(room.fits(big));
  CHECK(room.fits(attempt(500, 400)));
  CHECK_FALSE(room.fits(attempt(500, 401)));
  room.give_back(big);
  CHECK(room.fits(big));
}

TEST_CASE("room: shares of a GPU add up to one, never beyond (P3)") {
  actors::room room{node_with_gpu()};
  auto const half = attempt(100, 0, 500);
  room.take(half);
  room.take(half);
  CHECK_FALSE(room.fits(attempt(100, 0, 1)));
  room.give_back(half);
  CHECK(room.fits(half));
}

TEST_CASE("room: a device that the node does not have never fits") {
  actors::room room{node_with_gpu()};
  auto a = attempt(100, 0, 500);
  a.devices[0].index = 7;
  CHECK_FALSE(room.fits(a));
}
