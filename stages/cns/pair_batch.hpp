#pragma once

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "stages/text/scorer.hpp"

namespace nsai::stages {

/// Of each so many claims all pairs are compared; of more only those that are near one another in
/// their order, so that the number of pairs stays in this order.
inline constexpr std::size_t most_pairs_compared = 5000;

/// How far apart two of so many claims may stand in their order for being compared.
inline std::size_t pair_window(std::size_t claims) {
  return claims * (claims - std::min<std::size_t>(claims, 1)) / 2 <= most_pairs_compared
             ? claims
             : std::max<std::size_t>(most_pairs_compared / claims, 1);
}

/// Pairs of them that are not compared.
inline std::int64_t pairs_beyond(std::size_t claims) {
  std::int64_t pairs = 0;
  for (auto apart = pair_window(claims) + 1; apart < claims; ++apart)
    pairs += static_cast<std::int64_t>(claims - apart);
  return pairs;
}

/// These hooks for a part of the work, between two fractions of it.
inline compute_hooks part_of(compute_hooks const& hooks, double from, double to) {
  compute_hooks part{hooks.stop, nullptr};
  if (hooks.progress)
    part.progress = [tell = hooks.progress, from, to](double fraction) {
      tell(from + (to - from) * fraction);
    };
  return part;
}

/// Pairs of texts that are scored together, in slices between which a stop is heard: a scorer that
/// is a program is asked once a slice.
class pair_batch {
 public:
  /// Returns the pair's place among the scores.
  std::size_t add(std::string evidence, std::string claim) {
    pairs_.push_back({std::move(evidence), std::move(claim)});
    return pairs_.size() - 1;
  }
  std::size_t size() const { return pairs_.size(); }

  /// Throws compute_stopped, and what the scorer throws.
  std::vector<entailment> score(text_scorer& scorer, compute_hooks const& hooks) const {
    std::vector<entailment> scores;
    scores.reserve(pairs_.size());
    auto const all = static_cast<double>(pairs_.size());
    for (std::size_t at = 0; at < pairs_.size(); at += slice) {
      auto const count = std::min(slice, pairs_.size() - at);
      auto const from = static_cast<double>(at) / all;
      tell_progress(hooks, from);
      auto const some = scorer.entail(std::span{pairs_}.subspan(at, count),
                                      part_of(hooks, from, static_cast<double>(at + count) / all));
      scores.insert(scores.end(), some.begin(), some.end());
    }
    return scores;
  }

 private:
  static constexpr std::size_t slice = 2048;

  std::vector<text_pair> pairs_;
};

}  // namespace nsai::stages
