#include "stages/learning/classification.hpp"

#include <algorithm>
#include <cmath>

namespace nsai::stages {
namespace {

double share_of(std::int64_t part, std::int64_t whole) {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

using run_score = double (*)(std::span<class_tally const>);

double accuracy_of(std::span<class_tally const> classes) {
  std::size_t hits = 0, all = 0;
  for (auto const& each : classes) {
    hits += each.both;
    all += each.gold;
  }
  return share_of(static_cast<std::int64_t>(hits), static_cast<std::int64_t>(all));
}

double score_of_drawn(std::span<std::uint32_t const> gold, std::span<std::uint32_t const> predicted,
                      std::size_t classes, std::span<std::size_t const> drawn, run_score score) {
  std::vector<class_tally> tallies(classes);
  for (auto const i : drawn) {
    ++tallies[gold[i]].gold;
    ++tallies[predicted[i]].predicted;
    tallies[gold[i]].both += gold[i] == predicted[i] ? 1 : 0;
  }
  return score(tallies);
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
  std::vector<class_tally> tallies;
  all.accuracy = share_of(right, static_cast<std::int64_t>(gold.size()));
  for (std::size_t c = 0; c < classes; ++c) {
    auto& each = all.classes[c];
    auto const hits = all.confusion[c][c];
    each.precision = share_of(hits, each.predicted);
    each.recall = share_of(hits, each.examples);
    tallies.push_back({static_cast<std::size_t>(each.examples),
                       static_cast<std::size_t>(each.predicted), static_cast<std::size_t>(hits)});
    each.f1 = f1_of(tallies.back());
  }
  all.macro_f1 = macro_f1(tallies);
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
  if (runs.empty())
    return {};
  auto const range = [&](run_score score) {
    return bootstrap(gold.size(), seed, resamples, 0.95, [&](std::span<std::size_t const> drawn) {
      double value = 0;
      for (auto const& run : runs)
        value +=
            score_of_drawn(gold, run, classes, drawn, score) / static_cast<double>(runs.size());
      return against.empty() ? value : value - score_of_drawn(gold, against, classes, drawn, score);
    });
  };
  return {range(accuracy_of), range(macro_f1)};
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
