#include "simulation/network.hpp"

#include <doctest/doctest.h>

using namespace nsai;
using namespace nsai::simulation;

namespace {

letter numbered(connection_no c, std::uint64_t number) {
  return {0, c, stop{{job_id{number}, 1}}};
}

std::vector<std::uint64_t> taken(network& n, std::int64_t until_ms) {
  std::vector<std::uint64_t> numbers;
  std::int64_t at = 0;
  while (auto const l = n.take(until_ms, at))
    numbers.push_back(std::get<stop>(l->what).ref.job.value);
  return numbers;
}

constexpr auto to_node = network::direction::to_node;

}  // namespace

TEST_CASE("network: one direction of a connection keeps its order, another connection overtakes") {
  network n;
  auto const slow = n.connect();
  auto const fast = n.connect();
  n.send(to_node, 50, numbered(slow, 1));
  n.send(to_node, 10, numbered(slow, 2));
  n.send(to_node, 20, numbered(fast, 3));
  CHECK(taken(n, 49) == std::vector<std::uint64_t>{3});
  CHECK(taken(n, 50) == std::vector<std::uint64_t>{1, 2});
}

TEST_CASE("network: what is on the way is lost with its connection, from some letter on") {
  network n;
  auto const c = n.connect();
  for (std::uint64_t i = 1; i <= 3; ++i)
    n.send(to_node, 10, numbered(c, i));
  n.cut(c, 1);
  n.send(to_node, 10, numbered(c, 4));
  CHECK_FALSE(n.is_open(c));
  CHECK(taken(n, 100) == std::vector<std::uint64_t>{1});
}

TEST_CASE("network: what is stalled arrives late and in order") {
  network n;
  auto const c = n.connect();
  n.send(to_node, 10, numbered(c, 1));
  n.stall(c, 500);
  n.send(to_node, 20, numbered(c, 2));
  CHECK(taken(n, 499).empty());
  CHECK(taken(n, 500) == std::vector<std::uint64_t>{1, 2});
}
