#include "stages/cns/claim_graph.hpp"

#include <algorithm>
#include <random>

#include <doctest/doctest.h>

#include "tests/support/seed.hpp"

using namespace nsai;
using namespace nsai::stages;

namespace {

auto constexpr supports = relation_kind::supports;
auto constexpr refutes = relation_kind::refutes;
auto constexpr contradicts = relation_kind::contradicts;

claim_graph graph_with(std::vector<std::string> const& ids,
                       std::vector<claim_relation> const& relations) {
  return {ids, relations};
}

}  // namespace

TEST_CASE("beta1 is edges - vertices + components: a triangle with a tail, and a pair apart") {
  // 6 vertices, edges ab bc ca cd and ef: 5 - 6 + 2 = 1.
  auto const g = graph_with({"a", "b", "c", "d", "e", "f"}, {{"a", supports, "b"},
                                                             {"b", supports, "c"},
                                                             {"c", refutes, "a"},
                                                             {"d", supports, "c"},
                                                             {"e", contradicts, "f"}});
  CHECK(g.beta1() == 1);
  CHECK(g.components().size() == 2);
  CHECK(g.loop_edges() == std::vector<claim_graph::pair>{{0, 1}, {0, 2}, {1, 2}});
  CHECK(g.cycles().cycles == std::vector<std::vector<std::size_t>>{{0, 1, 2}});
}

TEST_CASE("parallel and mutual relations are one edge, a claim with itself none") {
  auto const g = graph_with({"a", "b"}, {{"a", supports, "b"},
                                         {"a", supports, "b"},
                                         {"a", refutes, "b"},
                                         {"b", supports, "a"},
                                         {"a", supports, "a"},
                                         {"a", supports, "nobody"}});
  CHECK(g.edges().size() == 1);
  CHECK(g.beta1() == 0);
  CHECK(g.self_relations() == 1);
  CHECK(g.unknown_ends() == 1);
  CHECK(g.cycles().cycles == std::vector<std::vector<std::size_t>>{{0, 1}});
  CHECK(g.knots().size() == 1);
}

TEST_CASE("no claims: no loop, no component") {
  claim_graph const g;
  CHECK(g.beta1() == 0);
  CHECK(g.components().empty());
  CHECK(g.cycles().complete);
}

TEST_CASE("cycles of directed relations: contradicts makes none, bounds are told") {
  CHECK(graph_with({"a", "b"}, {{"a", contradicts, "b"}, {"b", contradicts, "a"}})
            .cycles()
            .cycles.empty());
  // All 12 arcs between four claims: 6 cycles of two, 8 of three, 6 of four.
  std::vector<claim_relation> all;
  for (std::string const from : {"a", "b", "c", "d"})
    for (std::string const to : {"a", "b", "c", "d"})
      if (from != to)
        all.push_back({from, supports, to});
  auto const g = graph_with({"a", "b", "c", "d"}, all);
  CHECK(g.beta1() == 3);  // 6 - 4 + 1
  CHECK(g.cycles().cycles.size() == 20);
  CHECK(g.cycles().complete);
  CHECK(g.cycles(5).cycles.size() == 5);
  CHECK_FALSE(g.cycles(5).complete);
  CHECK(g.cycles(1000, 2).cycles.size() == 6);
  CHECK_FALSE(g.cycles(1000, 2).complete);
}

TEST_CASE("polarity conflicts and contradictory pairs") {
  auto const g = graph_with({"a", "b", "c", "d"}, {{"a", supports, "b"},
                                                   {"c", refutes, "b"},
                                                   {"a", supports, "d"},
                                                   {"a", refutes, "d"},
                                                   {"c", contradicts, "a"}});
  CHECK(g.polarity_conflicts() == std::vector<std::size_t>{1, 3});
  CHECK(g.contradictory_pairs() == std::vector<claim_graph::pair>{{0, 2}, {0, 3}});
  CHECK(g.opposed_pairs() == std::vector<claim_graph::pair>{{0, 2}, {0, 3}, {1, 2}});
}

TEST_CASE("beta1 does not depend on the order of claims and relations, and is that of its loops") {
  auto const seed = tests::seed();
  CAPTURE(seed);
  std::mt19937_64 random{seed};
  int with_loops = 0;
  for (int round = 0; round < 200; ++round) {
    auto const claims = 2 + random() % 12, count = random() % 20;
    std::vector<std::string> ids;
    for (std::size_t i = 0; i < claims; ++i)
      ids.push_back("c" + std::to_string(i));
    std::vector<claim_relation> relations;
    for (std::size_t i = 0; i < count; ++i)
      relations.push_back({ids[random() % ids.size()], static_cast<relation_kind>(random() % 3),
                           ids[random() % ids.size()]});
    auto const g = graph_with(ids, relations);
    with_loops += g.beta1() >= 2 ? 1 : 0;
    CHECK(g.beta1() >= 0);
    CHECK(beta1_of(g.loop_edges(), ids.size()) == g.beta1());
    CHECK(g.beta1() == std::ssize(g.edges()) - std::ssize(ids) + std::ssize(g.components()));
    for (auto const& cycle : g.cycles().cycles)
      CHECK(*std::min_element(cycle.begin(), cycle.end()) == cycle.front());
    auto mixed_ids = ids;
    auto mixed = relations;
    std::shuffle(mixed_ids.begin(), mixed_ids.end(), random);
    std::shuffle(mixed.begin(), mixed.end(), random);
    auto const again = graph_with(mixed_ids, mixed);
    CHECK(again.beta1() == g.beta1());
    CHECK(again.cycles(100'000).cycles.size() == g.cycles(100'000).cycles.size());
    CHECK(again.polarity_conflicts().size() == g.polarity_conflicts().size());
  }
  CHECK(with_loops >= 20);  // with several loops
}

TEST_CASE("contracting a triangle of a square with a diagonal leaves no loop") {
  // ab bc cd da ac: 5 - 4 + 1 = 2; a, b and c as one: one edge to d.
  std::vector<claim_graph::pair> const edges{{0, 1}, {0, 2}, {0, 3}, {1, 2}, {2, 3}};
  CHECK(beta1_of(edges, 4) == 2);
  std::vector<std::size_t> const into{0, 0, 0, 3};
  CHECK(contracted(edges, into) == std::vector<claim_graph::pair>{{0, 3}});
}
