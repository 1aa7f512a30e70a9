#pragma once

#include <string>
#include <utility>
#include <vector>

#include "stages/text/scorer.hpp"

namespace nsai::stages {

/// Pairs of texts that are scored together: a scorer that is a program is asked once.
class pair_batch {
 public:
  /// Returns the pair's place among the scores.
  std::size_t add(std::string evidence, std::string claim) {
    pairs_.push_back({std::move(evidence), std::move(claim)});
    return pairs_.size() - 1;
  }
  std::size_t size() const { return pairs_.size(); }

  std::vector<entailment> score(text_scorer& scorer, compute_hooks const& hooks) const {
    return pairs_.empty() ? std::vector<entailment>{} : scorer.entail(pairs_, hooks);
  }

 private:
  std::vector<text_pair> pairs_;
};

}  // namespace nsai::stages
