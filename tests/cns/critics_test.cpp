#include "stages/cns/critics.hpp"

#include <algorithm>
#include <random>

#include <doctest/doctest.h>

#include "tests/support/seed.hpp"

using namespace nsai;
using namespace nsai::stages;
using doctest::Approx;

TEST_CASE("grounding, worked by hand: two sentences of one document, which is one source") {
  critique c;
  c.claim = "mice eat cheese";
  // Content words mice eat cheese against (mice eat bread: 2 of 4) and (none in common: 0).
  c.evidence = {{"1:0", "mice eat bread", 0.8}, {"1:4", "stone walls", 0.4}};
  auto const g = grounding_of(c);
  CHECK(g.coverage == 1);
  CHECK(g.validity == Approx(0.6));
  CHECK(g.overlap == Approx(0.25));
  CHECK(g.sources == 0.5);
  CHECK(g.score() == Approx(0.3 + 0.18 + 0.0625 + 0.075));
  c.evidence[1].source = "2:4";
  CHECK(grounding_of(c).sources == 1);
}

TEST_CASE("grounding: coverage by the number of sentences, and nothing without evidence") {
  critique c;
  c.claim = "mice eat cheese";
  CHECK(grounding_of(c).score() == 0);
  std::vector<std::pair<std::size_t, double>> const cases{{1, 0.5}, {2, 1}, {10, 1}, {11, 0.8}};
  for (auto const& each : cases) {
    c.evidence.assign(each.first, {"1:0", "", 0.0});
    CHECK(grounding_of(c).coverage == each.second);
  }
}

TEST_CASE("logic, worked by hand") {
  critique c;
  c.claim = "Mice eat cheese, although they like bread.";
  c.evidence = {{"1:0", "x", 1.0}};
  c.entailment = 0.5;
  c.cycles = 1;
  c.contradictions = 3;
  auto const l = logic_of(c);
  CHECK(l.no_cycles == 0.5);
  CHECK(l.no_contradictions == 0.25);
  CHECK(l.structure == 1);  // 0.5 for evidence, 0.25 for seven words, 0.25 for "although"
  CHECK(l.score() == Approx(0.15 + 0.075 + 0.1 + 0.2));
  CHECK(logic_of(critique{}).score() == Approx(0.6));  // no cycle, no contradiction, nothing else
}

TEST_CASE("novelty, worked by hand: a copy is not original, a long text not parsimonious") {
  tfidf_index const index;
  critique c;
  c.claim = "mice eat cheese";  // 3 words, 3 content words
  c.others = {"stones fall", "mice eat cheese"};
  auto const n = novelty_of(c, index);
  CHECK(n.originality == Approx(0));
  CHECK(n.density == 1);
  CHECK(n.parsimony == 1);
  CHECK(n.non_triviality == Approx(0.6));
  CHECK(n.score() == Approx(0.25 + 0.2 + 0.12));
  c.others = {"stones fall"};
  CHECK(novelty_of(c, index).originality == 1);
  c.claim.clear();
  for (int i = 0; i < 50; ++i)
    c.claim += "mice ";
  CHECK(novelty_of(c, index).parsimony == 0.5);
  CHECK(novelty_of(c, index).density == Approx(0.04));  // 2 * 1 / 50
  CHECK(novelty_of(critique{}, index).score() == 0);
}

TEST_CASE("bias, worked by hand") {
  critique c;
  // 10 words: one loaded (shocking), one absolutist (always), two praising (better, safe).
  c.claim = "this shocking diet is always better and safe for mice";
  c.evidence = {{"1:0", "", 1.0}, {"1:4", "", 1.0}};
  c.supporting = 4;
  c.opposing = 1;
  auto const b = bias_of(c);
  CHECK(b.loaded == 0);
  CHECK(b.absolutist == 0);
  CHECK(b.framing == Approx(1.0 / 3));  // 1 - 2 / 3
  CHECK(b.sources == 0.5);
  CHECK(b.perspectives == Approx(0.625));  // 0.5 + 0.5 / 4
  CHECK(b.score() == Approx(0.25 / 3 + 0.075 + 0.09375));
  CHECK(bias_of(critique{}).score() == Approx(0.7));  // 0.25 + 0.25 + 0.2
}

TEST_CASE("trust weighs the critics 4 : 3 : 2 : 1") {
  CHECK(trust_of({0.5, 0.6, 0.7, 0.8}) == Approx(0.2 + 0.18 + 0.14 + 0.08));
  CHECK(trust_of({1.0, 1.0, 1.0, 1.0}) == Approx(1));
}

TEST_CASE("every score is in [0, 1], and evidence in another order changes nothing") {
  auto const seed = tests::seed();
  CAPTURE(seed);
  std::mt19937_64 random{seed};
  std::vector<std::string> const words{"mice",  "always", "shocking", "better", "although",
                                       "never", "the",    "harm",     "cheese", "42"};
  auto const text = [&] {
    std::string t;
    for (auto n = random() % 12; n > 0; --n)
      t += words[random() % words.size()] + " ";
    return t;
  };
  for (int round = 0; round < 300; ++round) {
    critique c;
    c.claim = text();
    for (auto n = random() % 14; n > 0; --n)
      c.evidence.push_back({std::to_string(random() % 3) + ":" + std::to_string(random() % 3),
                            text(), static_cast<double>(random() % 101) / 100});
    std::string const other = text();
    c.others = {other};
    c.entailment = static_cast<double>(random() % 101) / 100;
    c.cycles = static_cast<std::int64_t>(random() % 4);
    c.contradictions = static_cast<std::int64_t>(random() % 4);
    c.supporting = static_cast<std::int64_t>(random() % 4);
    c.opposing = static_cast<std::int64_t>(random() % 4);
    tfidf_index const index;
    auto const s = criticise(c, index);
    for (double const each :
         {s.grounding.value, s.logic.value, s.novelty.value, s.bias.value, trust_of(s)}) {
      CHECK(each >= 0);
      CHECK(each <= 1);
    }
    std::reverse(c.evidence.begin(), c.evidence.end());
    CHECK(criticise(c, index).grounding.value == Approx(s.grounding.value));
    CHECK(criticise(c, index).bias.value == s.bias.value);
  }
}
