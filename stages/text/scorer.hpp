#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "stages/compute.hpp"
#include "stages/stage.hpp"
#include "stages/text/tfidf.hpp"

namespace nsai::stages {

/// What is scored: does the evidence entail the claim, and how similar are the two.
struct text_pair {
  std::string evidence;
  std::string claim;
};

/// Probabilities; they add up to 1.
struct entailment {
  double entails = 0;
  double contradicts = 0;
  double neutral = 1;
};

/// Scores pairs of texts. Deterministic: equal pairs get equal scores. Errors: scorer_error.
class text_scorer {
 public:
  virtual ~text_scorer() = default;
  virtual std::string name() const = 0;
  virtual std::vector<entailment> entail(std::span<text_pair const> pairs,
                                         compute_hooks const& hooks) = 0;
  /// Each in [0, 1].
  virtual std::vector<double> similar(std::span<text_pair const> pairs,
                                      compute_hooks const& hooks) = 0;
};

/// The built-in baseline: coverage of the claim's content words by the evidence, with negation and
/// antonyms; TF-IDF cosine under the index's weights.
std::unique_ptr<text_scorer> make_lexical_scorer(tfidf_index index);

/// The options `scorer` (lexical or command), `scorer_command` (argv) and `scorer_timeout_ms`, for
/// descriptions of stages that score texts.
std::vector<option_description> scorer_options();

/// The scorer that checked options ask for.
std::unique_ptr<text_scorer> scorer_from(json const& options, context const& ctx,
                                         stage_env const& env, tfidf_index index);

}  // namespace nsai::stages
