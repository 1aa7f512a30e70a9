#include "stages/cns/merging.hpp"

#include <random>
#include <stop_token>

#include <doctest/doctest.h>

#include "stages/compute.hpp"
#include "tests/support/seed.hpp"

using namespace nsai;
using namespace nsai::stages;

namespace {

claim_graph graph_among(std::vector<std::string> const& ids,
                        std::vector<claim_relation> const& relations) {
  return {ids, relations};
}

}  // namespace

TEST_CASE("clusters: loops and contradictions, without the bridges between them") {
  // Triangle 0 1 2, bridge 2 3, pair 4 refutes 3, and 5 alone behind a bridge.
  auto const g = graph_among({"0", "1", "2", "3", "4", "5"}, {{"0", relation_kind::supports, "1"},
                                                              {"1", relation_kind::supports, "2"},
                                                              {"0", relation_kind::supports, "2"},
                                                              {"2", relation_kind::supports, "3"},
                                                              {"4", relation_kind::refutes, "3"},
                                                              {"5", relation_kind::supports, "4"}});
  auto const clusters = clusters_of(g);
  REQUIRE(clusters.size() == 2);
  CHECK(clusters[0].claims == std::vector<std::size_t>{0, 1, 2});
  CHECK(clusters[0].beta1 == 1);
  CHECK(clusters[1].claims == std::vector<std::size_t>{3, 4});
  CHECK(clusters[1].beta1 == 0);
  CHECK(clusters[1].opposed.size() == 1);
}

TEST_CASE("two claims that support each other are a cluster: a directed cycle without a loop") {
  auto const clusters = clusters_of(graph_among(
      {"a", "b"}, {{"a", relation_kind::supports, "b"}, {"b", relation_kind::supports, "a"}}));
  REQUIRE(clusters.size() == 1);
  CHECK(clusters[0].beta1 == 0);
  REQUIRE(merge_steps(clusters[0], {}).size() == 1);
  CHECK(merge_steps(clusters[0], {})[0].claims == std::vector<std::size_t>{0, 1});
}

TEST_CASE("steps, worked by hand: of two triangles at one claim each is a step, then the other") {
  // 0 1 2 and 2 3 4: beta1 2; merging one triangle leaves 1, then the other 0.
  auto const g = graph_among({"0", "1", "2", "3", "4"}, {{"0", relation_kind::supports, "1"},
                                                         {"1", relation_kind::supports, "2"},
                                                         {"0", relation_kind::supports, "2"},
                                                         {"2", relation_kind::supports, "3"},
                                                         {"3", relation_kind::supports, "4"},
                                                         {"2", relation_kind::supports, "4"}});
  auto const clusters = clusters_of(g);
  REQUIRE(clusters.size() == 1);
  CHECK(clusters[0].beta1 == 2);
  auto const first = merge_steps(clusters[0], {});
  REQUIRE(first.size() == 2);
  CHECK(first[0].claims == std::vector<std::size_t>{0, 1, 2});
  CHECK(first[0].beta1 == 1);
  auto const second = merge_steps(clusters[0], first[0].claims);
  REQUIRE(second.size() == 1);
  CHECK(second[0].claims == std::vector<std::size_t>{0, 1, 2, 3, 4});
  CHECK(second[0].beta1 == 0);
  CHECK(merge_steps(clusters[0], second[0].claims).empty());
}

TEST_CASE(
    "merging in clusters lowers the whole graph's beta1 by the sum of what it lowers in each") {
  auto const seed = tests::seed();
  CAPTURE(seed);
  std::mt19937_64 random{seed};
  int with_loops = 0, with_clusters = 0;
  for (int round = 0; round < 150; ++round) {
    auto const claims = 3 + random() % 14, count = random() % 28;
    std::vector<std::string> ids;
    for (std::size_t i = 0; i < claims; ++i)
      ids.push_back(std::to_string(i));
    std::vector<claim_relation> relations;
    for (std::size_t i = 0; i < count; ++i)
      relations.push_back({ids[random() % ids.size()], static_cast<relation_kind>(random() % 3),
                           ids[random() % ids.size()]});
    auto const g = graph_among(ids, relations);
    auto const clusters = clusters_of(g);
    with_loops += g.beta1() >= 2 ? 1 : 0;
    with_clusters += clusters.size() >= 2 ? 1 : 0;
    std::int64_t sum = 0, lowered = 0;
    std::vector<std::size_t> into(ids.size());
    for (std::size_t i = 0; i < into.size(); ++i)
      into[i] = i;
    for (auto const& cluster : clusters) {
      sum += cluster.beta1;
      auto const steps = merge_steps(cluster, {});
      REQUIRE_FALSE(steps.empty());
      auto const& step = steps[random() % steps.size()];
      CHECK(step.beta1 <= cluster.beta1);
      lowered += cluster.beta1 - step.beta1;
      for (auto const v : step.claims)
        into[v] = step.claims.front();
    }
    CHECK(sum == g.beta1());
    // Merged claims are one vertex; the others of the set hang in the count as vertices alone.
    CHECK(beta1_of(contracted(g.edges(), into), ids.size()) == g.beta1() - lowered);
  }
  CHECK(with_loops >= 15);    // with several loops
  CHECK(with_clusters >= 5);  // with several clusters
}

TEST_CASE("a loop that every edge of a large cluster finds again is looked for 500 times at most") {
  // Without the bound: 8,000 walks around a loop of 8,000, far longer than a test may take.
  std::vector<std::string> ids;
  std::vector<claim_relation> relations;
  for (int i = 0; i < 8000; ++i) {
    ids.push_back(std::to_string(i));
    relations.push_back(
        {std::to_string(i), relation_kind::supports, std::to_string((i + 1) % 8000)});
  }
  auto const clusters = clusters_of(graph_among(ids, relations));
  REQUIRE(clusters.size() == 1);
  auto const steps = merge_steps(clusters[0], {});
  REQUIRE(steps.size() == 1);
  CHECK(steps[0].claims.size() == 8000);
  CHECK(steps[0].beta1 == 0);
  std::stop_source stop;
  stop.request_stop();
  CHECK_THROWS_AS(merge_steps(clusters[0], {}, stop.get_token()), compute_stopped);
}
