#include "stages/cns/chirality.hpp"

#include <random>

#include <doctest/doctest.h>

using namespace nsai::stages;
using doctest::Approx;

TEST_CASE(
    "Fisher-Rao distance, worked by hand: (0,0) and (3,4) with inverse variances 1 are 5 apart") {
  std::vector<float> const a{0, 0}, b{3, 4};
  std::vector<double> const one{1, 1}, half{0.5, 0.25};
  CHECK(fisher_rao_distance(a, b, one) == 5);
  CHECK(fisher_rao_distance(b, a, one) == 5);
  CHECK(fisher_rao_distance(a, a, one) == 0);
  CHECK(fisher_rao_distance(a, b, half) == Approx(2.9154759));  // sqrt(4.5 + 4)
}

TEST_CASE("chirality, worked by hand") {
  CHECK(chirality(1, 0.5, polarity::agrees) == Approx(0.4));  // 0.3 + 0.1
  CHECK(chirality(1, 0.5, polarity::conflicts) == Approx(0.65));
  CHECK(chirality(0, 1, polarity::agrees) == 0);
  CHECK(chirality(5, 0, polarity::agrees) == Approx(0.7));  // 0.5 + 0.2
  CHECK(chirality(1e9, 0, polarity::conflicts) == 1);       // 1.05 is cut
}

TEST_CASE("inverse variances: of the population, and finite where nothing varies") {
  std::vector<float> const rows{1, 7, 3, 7};  // columns 1 3 and 7 7: variances 1 and 0
  auto const w = inverse_variances({rows.data(), 2, 2});
  CHECK(w[0] == Approx(1 / 1.000001));
  CHECK(w[1] == Approx(1e6));
}

TEST_CASE("overlap of evidence is the Jaccard index of its sources") {
  sno a, b;
  CHECK(evidence_overlap(a, b) == 0);
  a.evidence = {{"1:0", "", 1.0}, {"1:1", "", 1.0}};
  b.evidence = {{"1:1", "", 0.5}, {"2:0", "", 0.5}};
  CHECK(evidence_overlap(a, b) == Approx(1.0 / 3));
  CHECK(evidence_overlap(b, a) == Approx(1.0 / 3));
  CHECK(evidence_overlap(a, a) == 1);
}

TEST_CASE("of claims: symmetric, 0.2 for equal texts without common evidence, more for others") {
  std::vector<sno> snos(3);
  snos[0].claim = snos[1].claim = "grouped commits are fast";
  snos[2].claim = "quite another subject";
  chirality_measure const m{snos, embed_claims(snos, cpu_compute(), {})};
  CHECK(m.of(0, 1, polarity::agrees) == Approx(0.2));
  CHECK(m.of(0, 2, polarity::agrees) == m.of(2, 0, polarity::agrees));
  CHECK(m.of(0, 2, polarity::agrees) > 0.5);
  CHECK(m.of(0, 2, polarity::conflicts) <= 1);
  CHECK(embed_claims({}, cpu_compute(), {}).empty());
}

TEST_CASE(
    "properties: a distance is symmetric, 0 only from itself, and obeys the triangle; chirality "
    "lies "
    "in [0, 1] and grows with distance and conflict") {
  std::mt19937_64 random{7};
  std::uniform_real_distribution<double> any{0, 1};
  auto const vector_of = [&](std::size_t columns) {
    std::vector<float> v(columns);
    for (auto& x : v)
      x = static_cast<float>(any(random) * 8 - 4);
    return v;
  };
  for (int round = 0; round < 500; ++round) {
    auto const columns = 1 + random() % 9;
    auto const a = vector_of(columns), b = vector_of(columns), c = vector_of(columns);
    std::vector<double> weights(columns);
    for (auto& w : weights)
      w = any(random) * 3 + 0.01;
    auto const d = fisher_rao_distance(a, b, weights);
    CHECK(d == fisher_rao_distance(b, a, weights));
    CHECK(d > 0);
    CHECK(fisher_rao_distance(a, a, weights) == 0);
    CHECK(fisher_rao_distance(a, c, weights) <= d + fisher_rao_distance(b, c, weights) + 1e-9);
    auto const overlap = any(random);
    auto const calm = chirality(d, overlap, polarity::agrees);
    CHECK(calm >= 0);
    CHECK(calm <= chirality(d, overlap, polarity::conflicts));
    CHECK(chirality(d, overlap, polarity::conflicts) <= 1);
    CHECK(calm <= chirality(2 * d, overlap, polarity::agrees));
    CHECK(calm >= chirality(d, std::min(1.0, overlap + 0.1), polarity::agrees));
  }
}
