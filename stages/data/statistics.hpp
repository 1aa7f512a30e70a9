#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <stop_token>
#include <vector>

namespace nsai::stages {

struct interval {
  double low = 0;
  double high = 0;
};

/// 0 of no values.
double mean_of(std::span<double const> values);

/// Of a sample: sqrt(Σ (x − mean)² / (n − 1)); 0 of fewer than two values.
double standard_deviation(std::span<double const> values);

/// The quantile p (0 to 1) of sorted values, between the two nearest ones by a straight line:
/// position p · (n − 1), counted from 0. 0 of no values.
double quantile(std::span<double const> sorted, double p);

/// Bootstrap percentile interval (Efron 1979, "Bootstrap methods: another look at the jackknife"):
/// `resamples` times n positions below n are drawn with replacement, `statistic` is taken of them,
/// and the interval lies between the quantiles (1 − level) / 2 and (1 + level) / 2. Equal seeds
/// give equal intervals. {0, 0} of nothing. Throws compute_stopped after a stop, as sign_flip_p
/// does.
interval bootstrap(std::size_t n, std::uint64_t seed, std::size_t resamples, double level,
                   std::function<double(std::span<std::size_t const>)> const& statistic,
                   std::stop_token const& stop = {});
interval bootstrap_mean(std::span<double const> values, std::uint64_t seed, std::size_t resamples,
                        double level, std::stop_token const& stop = {});

/// Two-sided p of a paired permutation test: the share of all ways to flip the signs of the
/// differences whose mean is at least as far from 0. Up to 16 differences: all 2^n ways, exactly;
/// more: `permutations` random ones, (1 + as far) / (1 + permutations). 1 of no difference.
double sign_flip_p(std::span<double const> differences, std::uint64_t seed,
                   std::size_t permutations, std::stop_token const& stop = {});

/// How often a class is the gold one, is predicted, and both at once.
struct class_tally {
  std::size_t gold = 0;
  std::size_t predicted = 0;
  std::size_t both = 0;
};

/// 2·tp / (2·tp + fp + fn) = 2PR / (P + R); 0 of a class that does not occur.
double f1_of(class_tally const& tally);

/// Mean of f1_of over the classes that occur, as gold or as predicted ones (as scikit-learn's
/// f1_score does for average="macro"); 0 where none does.
double macro_f1(std::span<class_tally const> classes);

/// The same of two lists of classes (numbers from 0), both of the same length.
double macro_f1(std::span<std::size_t const> gold, std::span<std::size_t const> predicted);

}  // namespace nsai::stages
