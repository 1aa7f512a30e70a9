#pragma once

#include <algorithm>
#include <map>
#include <string>
#include <utility>

#include "stages/text/scorer.hpp"

namespace nsai::tests {

/// Scores that a test sets; every other pair is neutral.
class table_scorer final : public stages::text_scorer {
 public:
  void entails(std::string const& evidence, std::string const& claim, double p) {
    table_[{evidence, claim}] = {p, 0, 1 - p};
  }
  void contradicts(std::string const& evidence, std::string const& claim, double p) {
    table_[{evidence, claim}] = {0, p, 1 - p};
  }

  std::string name() const override { return "table"; }
  std::vector<stages::entailment> entail(std::span<stages::text_pair const> pairs,
                                         stages::compute_hooks const&) override {
    asked_ += pairs.size();
    most_at_once_ = std::max(most_at_once_, pairs.size());
    std::vector<stages::entailment> scores;
    for (auto const& each : pairs) {
      auto const found = table_.find({each.evidence, each.claim});
      scores.push_back(found == table_.end() ? stages::entailment{} : found->second);
    }
    return scores;
  }
  std::vector<double> similar(std::span<stages::text_pair const> pairs,
                              stages::compute_hooks const&) override {
    return std::vector<double>(pairs.size());
  }

  std::size_t asked() const { return asked_; }
  std::size_t most_at_once() const { return most_at_once_; }

 private:
  std::size_t asked_ = 0, most_at_once_ = 0;
  std::map<std::pair<std::string, std::string>, stages::entailment> table_;
};

}  // namespace nsai::tests
