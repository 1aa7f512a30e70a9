#include "stages/learning/classification.hpp"

#include <algorithm>
#include <numeric>

#include <doctest/doctest.h>

using namespace nsai;
using namespace nsai::stages;

namespace {

using labels = std::vector<std::uint32_t>;

labels drawn_labels(std::size_t count, portable_random& random) {
  labels all(count);
  for (auto& each : all)
    each = static_cast<std::uint32_t>(random.below(3));
  return all;
}

}  // namespace

TEST_CASE("scores of six examples are those worked out by hand") {
  // Confusion:          predicted 0  1  2
  //            gold 0             2  1  0    precision 2/2, recall 2/3, F1 4/5
  //            gold 1             0  1  1    precision 1/2, recall 1/2, F1 1/2
  //            gold 2             0  0  1    precision 1/2, recall 1/1, F1 2/3
  auto const scores = classify(labels{0, 0, 0, 1, 1, 2}, labels{0, 0, 1, 1, 2, 2}, 3);
  CHECK(scores.accuracy == doctest::Approx(4.0 / 6));
  CHECK(scores.classes[0].precision == 1);
  CHECK(scores.classes[0].recall == doctest::Approx(2.0 / 3));
  CHECK(scores.classes[0].f1 == doctest::Approx(0.8));
  CHECK(scores.classes[1].f1 == doctest::Approx(0.5));
  CHECK(scores.classes[2].f1 == doctest::Approx(2.0 / 3));
  CHECK(scores.macro_f1 == doctest::Approx((0.8 + 0.5 + 2.0 / 3) / 3));
  CHECK(scores.confusion ==
        std::vector<std::vector<std::int64_t>>{{2, 1, 0}, {0, 1, 1}, {0, 0, 1}});
  auto const told = to_json(scores, {"A", "B", "C"});
  CHECK(told.at("confusion").at("B").at("C") == 1);
  CHECK(told.at("per_class").at("A").at("examples") == 3);
  CHECK(told.at("per_class").at("C").at("predicted") == 2);
}

TEST_CASE("nothing at all scores 0, and a class that never occurs does not count") {
  CHECK(classify(labels{}, labels{}, 3).accuracy == 0);
  auto const scores = classify(labels{0, 0}, labels{0, 0}, 3);
  CHECK(scores.accuracy == 1);
  CHECK(scores.macro_f1 == 1);  // the mean over class 0 alone
  CHECK(scores.classes[2].f1 == 0);
  // Class 1 is predicted, but never gold: (2 · 1 / (2 + 1) + 0) / 2.
  CHECK(classify(labels{0, 0}, labels{0, 1}, 3).macro_f1 == doctest::Approx(1.0 / 3));
}

TEST_CASE("macro-F1 and its interval are those that bench tells of the same labels") {
  std::uint64_t const seed = 20240613;
  CAPTURE(seed);
  portable_random random{seed};
  for (int round = 0; round < 50; ++round) {
    auto const count = 1 + random.below(5);  // so few that classes are missing
    auto const gold = drawn_labels(count, random), predicted = drawn_labels(count, random);
    std::vector<std::size_t> const g(gold.begin(), gold.end()),
        p(predicted.begin(), predicted.end());
    CHECK(classify(gold, predicted, 3).macro_f1 == doctest::Approx(macro_f1(g, p)));
    auto const told = bootstrap_scores(gold, {predicted}, 3, 100, seed).macro_f1;
    auto const same = bootstrap(count, seed, 100, 0.95, [&](std::span<std::size_t const> drawn) {
      std::vector<std::size_t> some_gold, some_predicted;
      for (auto const i : drawn) {
        some_gold.push_back(g[i]);
        some_predicted.push_back(p[i]);
      }
      return macro_f1(some_gold, some_predicted);
    });
    CHECK(told.low == doctest::Approx(same.low));
    CHECK(told.high == doctest::Approx(same.high));
  }
}

TEST_CASE("scores stay in [0, 1], do not depend on the order, and are 1 for equal labels") {
  std::uint64_t const seed = 20240611;
  CAPTURE(seed);
  portable_random random{seed};
  for (int round = 0; round < 200; ++round) {
    auto const count = 1 + random.below(40);
    auto const gold = drawn_labels(count, random), predicted = drawn_labels(count, random);
    auto const scores = classify(gold, predicted, 3);
    CHECK((scores.accuracy >= 0 && scores.accuracy <= 1));
    CHECK((scores.macro_f1 >= 0 && scores.macro_f1 <= 1));
    std::vector<std::size_t> order(count);
    std::iota(order.begin(), order.end(), 0U);
    random.shuffle(order);
    labels other_gold, other_predicted;
    for (auto const i : order) {
      other_gold.push_back(gold[i]);
      other_predicted.push_back(predicted[i]);
    }
    CHECK(classify(other_gold, other_predicted, 3).macro_f1 == scores.macro_f1);
    CHECK(classify(gold, gold, 3).accuracy == 1);
  }
}

TEST_CASE("a bootstrap: one example has no spread, all right is 1 to 1, equal seeds are equal") {
  auto const one = bootstrap_scores(labels{1}, {{2}}, 3, 100, 1);
  CHECK(one.accuracy.low == 0);
  CHECK(one.accuracy.high == 0);
  labels const gold{0, 1, 2, 0, 1, 2, 0, 1};
  CHECK(bootstrap_scores(gold, {gold}, 3, 200, 1).accuracy.low == 1);
  labels const some{0, 1, 1, 0, 2, 2, 0, 0};
  auto const a = bootstrap_scores(gold, {some}, 3, 500, 7),
             b = bootstrap_scores(gold, {some}, 3, 500, 7);
  CHECK(to_json(a) == to_json(b));
  CHECK(a.accuracy.low < 5.0 / 8);  // 5 of 8 are right
  CHECK(a.accuracy.high > 5.0 / 8);
  CHECK(to_json(bootstrap_scores(gold, {some, some}, 3, 500, 7)) == to_json(a));
  CHECK(bootstrap_scores({}, {}, 3, 100, 1).accuracy.high == 0);
}

TEST_CASE("a bootstrap of a difference: against itself 0, against all wrong the score itself") {
  labels const gold{0, 1, 2, 0, 1, 2}, some{0, 1, 1, 0, 2, 2}, wrong{1, 2, 0, 1, 2, 0};
  auto const same = bootstrap_scores(gold, {some}, 3, 300, 3, some);
  CHECK(same.accuracy.low == 0);
  CHECK(same.macro_f1.high == 0);
  CHECK(to_json(bootstrap_scores(gold, {some}, 3, 300, 3, wrong)) ==
        to_json(bootstrap_scores(gold, {some}, 3, 300, 3)));
}

TEST_CASE("about 95 of 100 intervals hold the accuracy that a coin has") {
  std::uint64_t const seed = 99;
  CAPTURE(seed);
  portable_random random{seed};
  int held = 0;
  for (int round = 0; round < 300; ++round) {
    labels const gold(100, 0);
    labels predicted(100);
    for (auto& each : predicted)
      each = random.below(10) < 7 ? 0 : 1;
    auto const found = bootstrap_scores(gold, {predicted}, 2, 300, random.next()).accuracy;
    held += found.low <= 0.7 && found.high >= 0.7 ? 1 : 0;
  }
  CHECK(held > 300 * 0.90);
  CHECK(held < 300 * 0.99);
}

TEST_CASE("the random numbers are SplitMix64's, and draws below a bound are even") {
  CHECK(portable_random{0}.next() == 0xe220a8397b1dcdafU);
  CHECK(portable_random{1234567}.next() == 6457827717110365317U);
  portable_random random{5};
  std::vector<int> counts(3);
  for (int i = 0; i < 30000; ++i)
    ++counts[random.below(3)];
  for (auto const count : counts)
    CHECK(std::abs(count - 10000) < 400);  // five standard deviations
}
