#pragma once

#include <memory>
#include <span>
#include <stdexcept>
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

/// A scorer that could not be started, died, was silent for too long or answered something else
/// than was asked for.
struct scorer_error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Scores pairs of texts. Deterministic: equal pairs get equal scores. Errors: scorer_error; a
/// stopped one throws compute_stopped.
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

/// The built-in baseline.
///   similar  the cosine of the index (tfidf.hpp)
///   entail   coverage = Σ idf of the claim's distinct content words that are found in the evidence
///            over Σ idf of all of them. A word is found as itself, else as a word of the same
///            side of its axis (antonyms.hpp) that the claim has not itself, else as one of the
///            opposite side: a swap. Of the evidence's sentences the one with the largest coverage
///            (the first of equals) tells the sign: turns = negations of the claim + negations of
///            the sentence + axes swapped, where a negation counts when a found word is among the
///            five words after it or the three before it ("not only" is none). Even turns: entails
///            = coverage; odd turns: contradicts = coverage; neutral = 1 − coverage. A claim
///            without a content word is neutral.
std::unique_ptr<text_scorer> make_lexical_scorer(tfidf_index index);

/// The options `scorer` (lexical or command), `scorer_command` (argv) and `scorer_timeout_ms`, for
/// descriptions of stages that score texts. Such a stage runs in a stage host (`backend`), so that
/// the program dies with it.
std::vector<option_description> scorer_options();

/// The scorer that checked options ask for.
std::unique_ptr<text_scorer> scorer_from(json const& options, context const& ctx,
                                         tfidf_index index);

}  // namespace nsai::stages
