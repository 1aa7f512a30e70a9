#include "stages/learning/classification.hpp"

#include <algorithm>
#include <cmath>

namespace nsai::stages {
namespace {

double share_of(std::int64_t part, std::int64_t whole) {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

/// Accuracy and macro-F1 alone; what the bootstrap computes thousands of times.
class quick_scores {
 public:
  explicit quick_scores(std::size_t classes)
      : gold_(classes), predicted_(classes), hits_(classes) {}

  void add(std::uint32_t gold, std::uint32_t predicted) {
    ++gold_[gold];
    ++predicted_[predicted];
    hits_[gold] += gold == predicted ? 1 : 0;
    ++count_;
  }
  double accuracy() const {
    std::int64_t hits = 0;
    for (auto const h : hits_)
      hits += h;
    return share_of(hits, count_);
  }
  double macro_f1() const {
    double sum = 0;
    for (std::size_t c = 0; c < hits_.size(); ++c)
      sum += share_of(2 * hits_[c], gold_[c] + predicted_[c]);  // = 2PR / (P + R)
    return sum / static_cast<double>(hits_.size());
  }

 private:
  std::vector<std::int64_t> gold_, predicted_, hits_;
  std::int64_t count_ = 0;
};

score_interval middle_95(std::vector<double>& values) {
  std::sort(values.begin(), values.end());
  auto const at = [&](double share) {
    return values[static_cast<std::size_t>(
        std::lround(share * static_cast<double>(values.size() - 1)))];
  };
  return {at(0.025), at(0.975)};
}

}  // namespace

classification classify(std::span<std::uint32_t const> gold,
                        std::span<std::uint32_t const> predicted, std::size_t classes) {
  classification all;
  all.classes.resize(classes);
  all.confusion.assign(classes, std::vector<std::int64_t>(classes, 0));
  std::int64_t right = 0;
  for (std::size_t i = 0; i < gold.size(); ++i) {
    ++all.confusion[gold[i]][predicted[i]];
    ++all.classes[gold[i]].examples;
    ++all.classes[predicted[i]].predicted;
    right += gold[i] == predicted[i] ? 1 : 0;
  }
  all.accuracy = share_of(right, static_cast<std::int64_t>(gold.size()));
  for (std::size_t c = 0; c < classes; ++c) {
    auto& each = all.classes[c];
    auto const hits = all.confusion[c][c];
    each.precision = share_of(hits, each.predicted);
    each.recall = share_of(hits, each.examples);
    each.f1 = share_of(2 * hits, each.predicted + each.examples);
    all.macro_f1 += each.f1 / static_cast<double>(classes);
  }
  return all;
}

json to_json(classification const& scores, std::vector<std::string> const& names) {
  json per_class = json::object();
  json confusion = json::object();
  for (std::size_t c = 0; c < scores.classes.size(); ++c) {
    auto const& each = scores.classes[c];
    per_class[names[c]] = {{"precision", each.precision},
                           {"recall", each.recall},
                           {"f1", each.f1},
                           {"examples", each.examples},
                           {"predicted", each.predicted}};
    for (std::size_t p = 0; p < scores.classes.size(); ++p)
      confusion[names[c]][names[p]] = scores.confusion[c][p];
  }
  return {{"accuracy", scores.accuracy},
          {"macro_f1", scores.macro_f1},
          {"per_class", std::move(per_class)},
          {"confusion", std::move(confusion)}};
}

bootstrap_intervals bootstrap_scores(std::span<std::uint32_t const> gold,
                                     std::vector<std::vector<std::uint32_t>> const& runs,
                                     std::size_t classes, std::uint64_t resamples,
                                     std::uint64_t seed, std::span<std::uint32_t const> against) {
  if (gold.empty() || runs.empty() || resamples == 0)
    return {};
  portable_random random{seed};
  std::vector<double> accuracies, f1s;
  std::vector<std::size_t> drawn(gold.size());
  for (std::uint64_t r = 0; r < resamples; ++r) {
    for (auto& each : drawn)
      each = random.below(gold.size());
    double accuracy = 0;
    double f1 = 0;
    for (auto const& run : runs) {
      quick_scores scores{classes};
      for (auto const i : drawn)
        scores.add(gold[i], run[i]);
      accuracy += scores.accuracy() / static_cast<double>(runs.size());
      f1 += scores.macro_f1() / static_cast<double>(runs.size());
    }
    if (!against.empty()) {
      quick_scores scores{classes};
      for (auto const i : drawn)
        scores.add(gold[i], against[i]);
      accuracy -= scores.accuracy();
      f1 -= scores.macro_f1();
    }
    accuracies.push_back(accuracy);
    f1s.push_back(f1);
  }
  return {middle_95(accuracies), middle_95(f1s)};
}

json to_json(bootstrap_intervals const& intervals) {
  return {{"accuracy", {intervals.accuracy.low, intervals.accuracy.high}},
          {"macro_f1", {intervals.macro_f1.low, intervals.macro_f1.high}}};
}

std::uint64_t portable_random::next() {
  state_ += 0x9e3779b97f4a7c15U;
  auto z = state_;
  z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9U;
  z = (z ^ (z >> 27U)) * 0x94d049bb133111ebU;
  return z ^ (z >> 31U);
}

std::uint64_t portable_random::below(std::uint64_t bound) {
  // Numbers beyond the last whole multiple of `bound` are drawn again: every result is as likely.
  auto const beyond = (~std::uint64_t{0} - bound + 1) % bound;
  auto drawn = next();
  while (drawn > ~std::uint64_t{0} - beyond)
    drawn = next();
  return drawn % bound;
}

}  // namespace nsai::stages
