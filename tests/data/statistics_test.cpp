#include "stages/data/statistics.hpp"

#include <algorithm>
#include <random>

#include <doctest/doctest.h>

#include "stages/compute.hpp"
#include "tests/support/seed.hpp"

using namespace nsai;
using namespace nsai::stages;

TEST_CASE("worked by hand: mean, deviation and quantiles of 1, 2, 3, 4, 10") {
  std::vector<double> const x{1, 2, 3, 4, 10};
  CHECK(mean_of(x) == 4.0);
  // (9 + 4 + 1 + 0 + 36) / 4 = 12.5
  CHECK(standard_deviation(x) == doctest::Approx(3.5355339059));
  CHECK(quantile(x, 0) == 1.0);
  CHECK(quantile(x, 0.5) == 3.0);
  CHECK(quantile(x, 0.9) == doctest::Approx(7.6));  // position 3.6: 4 + 0.6 · 6
  CHECK(quantile(x, 1) == 10.0);
  CHECK(mean_of({}) == 0.0);
  CHECK(standard_deviation(std::vector<double>{7}) == 0.0);
  CHECK(quantile({}, 0.5) == 0.0);
}

TEST_CASE("worked by hand: macro F1 over the classes that occur") {
  // gold 0 0 1 2, predicted 0 1 1 1. Class 0: 2·1/(2+1) = 2/3; class 1: 2·1/(1+3) = 1/2; class 2:
  // 0/(1+0) = 0; class 3 does not occur. (2/3 + 1/2 + 0) / 3 = 7/18.
  CHECK(macro_f1(std::vector<std::size_t>{0, 0, 1, 2}, std::vector<std::size_t>{0, 1, 1, 1}) ==
        doctest::Approx(7.0 / 18));
  CHECK(macro_f1(std::vector<std::size_t>{5, 5}, std::vector<std::size_t>{5, 5}) == 1.0);
  CHECK(macro_f1({}, {}) == 0.0);
}

TEST_CASE("worked by hand: of all eight ways to flip the signs of 1, 2, 3 two are as far from 0") {
  // |±1 ± 2 ± 3| is 6 only for + + + and − − −: 2/8.
  CHECK(sign_flip_p(std::vector<double>{1, 2, 3}, 0, 100) == 0.25);
  // 1, 1, −1: |sum| = 1. The sums are 3 (2 ways) and 1 (6 ways): all are as far.
  CHECK(sign_flip_p(std::vector<double>{1, 1, -1}, 0, 100) == 1.0);
  CHECK(sign_flip_p(std::vector<double>{0, 0}, 0, 100) == 1.0);
  CHECK(sign_flip_p({}, 0, 100) == 1.0);
}

TEST_CASE("many differences: random flips, never 0, and near the exact value") {
  // 20 times 0.1: only 2 of 2^20 ways are as far; 999 random ones find none: 1 / 1000.
  CHECK(sign_flip_p(std::vector<double>(20, 0.1), 3, 999) == doctest::Approx(0.001));
  // 17 differences of which 16 are 0: every way is as far.
  std::vector<double> one(17);
  one[5] = 0.25;
  CHECK(sign_flip_p(one, 3, 999) == 1.0);
}

TEST_CASE("worked by hand: the bootstrap of two values has the means 0, 1/2 and 1") {
  // With probability 1/4, 1/2, 1/4: the quantiles 0.025 and 0.975 are 0 and 1, 0.3 and 0.7 are 1/2.
  std::vector<double> const x{0, 1};
  auto const wide = bootstrap_mean(x, 1, 10'000, 0.95);
  CHECK(wide.low == 0.0);
  CHECK(wide.high == 1.0);
  auto const narrow = bootstrap_mean(x, 1, 10'000, 0.4);
  CHECK(narrow.low == 0.5);
  CHECK(narrow.high == 0.5);
  CHECK(bootstrap_mean({}, 1, 100, 0.95).high == 0.0);
}

TEST_CASE("a bootstrap interval is near mean ± 1.96 s / sqrt(n) for many values") {
  std::mt19937_64 random{7};
  std::vector<double> x(400);
  for (auto& each : x)
    each = static_cast<double>(random() % 1000) / 1000;
  auto const range = bootstrap_mean(x, 2, 4000, 0.95);
  auto const half = 1.96 * standard_deviation(x) / 20;
  CHECK(range.low == doctest::Approx(mean_of(x) - half).epsilon(0.01));
  CHECK(range.high == doctest::Approx(mean_of(x) + half).epsilon(0.01));
}

TEST_CASE("equal seeds give equal intervals, and every interval lies within the values") {
  auto const seed = tests::seed();
  CAPTURE(seed);
  std::mt19937_64 random{seed};
  for (int round = 0; round < 50; ++round) {
    std::vector<double> x(1 + random() % 20);
    for (auto& each : x)
      each = static_cast<double>(random() % 100) - 50;
    auto const a = bootstrap_mean(x, seed + 1, 200, 0.9);
    auto const b = bootstrap_mean(x, seed + 1, 200, 0.9);
    CHECK(a.low == b.low);
    CHECK(a.high == b.high);
    CHECK(a.low <= a.high);
    CHECK(a.low >= *std::min_element(x.begin(), x.end()) - 1e-9);
    CHECK(a.high <= *std::max_element(x.begin(), x.end()) + 1e-9);
    auto const p = sign_flip_p(x, seed, 200);
    CHECK(p > 0);
    CHECK(p <= 1);
    auto negative = x;
    for (auto& each : negative)
      each = -each;
    CHECK(sign_flip_p(negative, seed, 200) == p);
  }
}

TEST_CASE("a stop ends the resampling at once, not at its end") {
  std::stop_source source;
  std::size_t calls = 0;
  auto const tenth_stops = [&](auto) {
    if (++calls == 10)
      source.request_stop();
    return 0.0;
  };
  CHECK_THROWS_AS(bootstrap(3, 0, 1'000'000, 0.95, tenth_stops, source.get_token()),
                  compute_stopped);
  CHECK(calls == 10);
  std::vector<double> const values(20, 1.0);
  CHECK_THROWS_AS(bootstrap_mean(values, 0, 1'000'000, 0.95, source.get_token()), compute_stopped);
  CHECK_THROWS_AS(sign_flip_p(values, 0, 1'000'000, source.get_token()), compute_stopped);
}
