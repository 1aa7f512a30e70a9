#include "scheduling/min_tree.hpp"

#include <random>

#include <doctest/doctest.h>

using namespace nsai::scheduling;

TEST_CASE(
    "min tree: gives the best that is accepted, the lowest among equals, as a look at all does") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    CAPTURE(seed);
    std::mt19937_64 random(seed);
    auto const nodes = static_cast<node_index>(1 + random() % 40);
    min_tree tree;
    CHECK(tree.best([](node_index) { return true; }) == none);
    tree.reset(nodes);
    std::vector<rating> plain(nodes, no_room);
    for (int step = 0; step < 300; ++step) {
      auto const rated = [&] { return random() % 5 == 0 ? no_room : random() % 6; };
      if (step % 50 == 0) {
        for (auto& each : plain)
          each = rated();
        tree.set_all(nodes, [&](node_index i) { return plain[i]; });
      } else {
        auto const at = static_cast<node_index>(random() % nodes);
        tree.set(at, plain[at] = rated());
      }
      auto const refused = random() % 4;
      auto const accept = [&](node_index i) { return i % 4 != refused; };
      node_index best = none;
      for (node_index i = 0; i < nodes; ++i)
        if (plain[i] != no_room && accept(i) && (best == none || plain[i] < plain[best]))
          best = i;
      REQUIRE(tree.best(accept) == best);
    }
  }
}
