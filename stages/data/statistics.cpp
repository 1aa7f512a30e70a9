#include "stages/data/statistics.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>

#include "stages/compute.hpp"

namespace nsai::stages {
namespace {

/// Up to so many differences every way to flip their signs is tried.
constexpr std::size_t most_exact_flips = 16;
/// Sums of the same numbers in another order differ in their last bits; such means are equal.
constexpr double flip_tolerance = 1e-12;

void look_at(std::stop_token const& stop) {
  if (stop.stop_requested())
    throw compute_stopped{};
}

}  // namespace

double mean_of(std::span<double const> values) {
  return values.empty() ? 0.0
                        : std::accumulate(values.begin(), values.end(), 0.0) /
                              static_cast<double>(values.size());
}

double standard_deviation(std::span<double const> values) {
  if (values.size() < 2)
    return 0;
  auto const mean = mean_of(values);
  double squares = 0;
  for (auto const x : values)
    squares += (x - mean) * (x - mean);
  return std::sqrt(squares / static_cast<double>(values.size() - 1));
}

double quantile(std::span<double const> sorted, double p) {
  if (sorted.empty())
    return 0;
  auto const position = p * static_cast<double>(sorted.size() - 1);
  auto const below = static_cast<std::size_t>(position);
  if (below + 1 >= sorted.size())
    return sorted.back();
  auto const part = position - static_cast<double>(below);
  return sorted[below] + part * (sorted[below + 1] - sorted[below]);
}

interval bootstrap(std::size_t n, std::uint64_t seed, std::size_t resamples, double level,
                   std::function<double(std::span<std::size_t const>)> const& statistic,
                   std::stop_token const& stop) {
  if (n == 0 || resamples == 0)
    return {};
  std::mt19937_64 random{seed};
  std::vector<std::size_t> drawn(n);
  std::vector<double> found(resamples);
  for (auto& each : found) {
    look_at(stop);
    for (auto& position : drawn)
      position = random() % n;
    each = statistic(drawn);
  }
  std::sort(found.begin(), found.end());
  return {quantile(found, (1 - level) / 2), quantile(found, (1 + level) / 2)};
}

interval bootstrap_mean(std::span<double const> values, std::uint64_t seed, std::size_t resamples,
                        double level, std::stop_token const& stop) {
  auto const drawn_mean = [&](auto drawn) {
    double sum = 0;
    for (auto const position : drawn)
      sum += values[position];
    return sum / static_cast<double>(drawn.size());
  };
  return bootstrap(values.size(), seed, resamples, level, drawn_mean, stop);
}

double sign_flip_p(std::span<double const> differences, std::uint64_t seed,
                   std::size_t permutations, std::stop_token const& stop) {
  if (differences.empty())
    return 1;
  auto const flipped_sum = [&](auto const& is_flipped) {
    double sum = 0;
    for (std::size_t i = 0; i < differences.size(); ++i)
      sum += is_flipped(i) ? -differences[i] : differences[i];
    return std::abs(sum);
  };
  double size = 0;
  for (auto const d : differences)
    size += std::abs(d);
  auto const bar = flipped_sum([](std::size_t) { return false; }) - flip_tolerance * size;
  std::size_t as_far = 0;
  if (differences.size() <= most_exact_flips) {
    std::size_t const ways = std::size_t{1} << differences.size();
    for (std::size_t way = 0; way < ways; ++way)
      as_far += flipped_sum([&](std::size_t i) { return (way >> i & 1U) != 0; }) >= bar ? 1 : 0;
    return static_cast<double>(as_far) / static_cast<double>(ways);
  }
  std::mt19937_64 random{seed};
  for (std::size_t round = 0; round < permutations; ++round) {
    look_at(stop);
    std::uint64_t bits = 0;
    as_far += flipped_sum([&](std::size_t i) {
                if (i % 64 == 0)
                  bits = random();
                return (bits >> (i % 64) & 1U) != 0;
              }) >= bar
                  ? 1
                  : 0;
  }
  return (1 + static_cast<double>(as_far)) / (1 + static_cast<double>(permutations));
}

double f1_of(class_tally const& tally) {
  auto const all = tally.gold + tally.predicted;
  return all == 0 ? 0.0 : 2 * static_cast<double>(tally.both) / static_cast<double>(all);
}

double macro_f1(std::span<class_tally const> classes) {
  double sum = 0;
  std::size_t occurring = 0;
  for (auto const& each : classes) {
    sum += f1_of(each);
    occurring += each.gold + each.predicted > 0 ? 1 : 0;
  }
  return occurring == 0 ? 0.0 : sum / static_cast<double>(occurring);
}

double macro_f1(std::span<std::size_t const> gold, std::span<std::size_t const> predicted) {
  std::vector<class_tally> classes;
  auto const at = [&](std::size_t label) -> class_tally& {
    if (label >= classes.size())
      classes.resize(label + 1);
    return classes[label];
  };
  for (std::size_t i = 0; i < gold.size(); ++i) {
    ++at(gold[i]).gold;
    ++at(predicted[i]).predicted;
    at(gold[i]).both += gold[i] == predicted[i] ? 1 : 0;
  }
  return macro_f1(std::span<class_tally const>{classes});
}

}  // namespace nsai::stages
