#pragma once

#include <functional>
#include <string>
#include <vector>

#include "stages/cns/critics.hpp"
#include "stages/cns/flagging.hpp"
#include "stages/cns/merging.hpp"

/// How claims are merged into syntheses, without files and options.
namespace nsai::stages {

struct synthesizer_settings {
  std::int64_t max_iterations = 10;
  double trust_target = 0.7;
  double reduction_target = 0.3;
  double least_trust = 0.3;  // a synthesis below it has failed
};

/// A merged claim's text, in parts that each have to be entailed.
struct wording {
  std::string text;
  std::vector<std::string> parts;
};

/// What a model is asked for: one claim out of these.
struct text_request {
  std::string id;  // of the synthesis
  std::vector<sno const*> parents;
  std::vector<claim_relation> relations;  // between the parents
};
/// A text for each request, in their order; empty: none was given. Null: texts are composed.
using text_source = std::function<std::vector<std::string>(std::vector<text_request> const&)>;

struct synthesis_outcome {
  std::vector<synthesis> syntheses;  // one a cluster, by its first claim
  narrative after;                   // syntheses that did not fail in place of their parents
  bool stopped = false;
};

/// Texts composed of the claims at `merged`, best wording first by rule:
///   X, although Y               where claims among them refute or contradict X
///   X, given that Z             where claims among them support X
///   X, given that Z, although Y where there are both
///   X                           where nothing opposes it
/// X has the largest confidence * (1 + relations with the others); Y and Z are those of the largest
/// confidence. Ties: the earlier claim.
std::vector<wording> wordings_of(narrative const& on, std::vector<std::size_t> const& merged);

/// Sources once, each with its largest validity, in order of first appearance.
std::vector<sno_evidence> united_evidence(narrative const& on,
                                          std::vector<std::size_t> const& merged);

/// (before - after) / before; 0 where before is 0.
double beta1_reduction(std::int64_t before, std::int64_t after);

/// For each cluster (merging.hpp) one claim is synthesised. A round tries the three best steps with
/// every wording (with a model: the best step with the model's text), scores them by the critics
/// and takes the one with the largest min(1, reduction / target) + min(1, trust / target), of equal
/// ones the first. It ends where both targets are reached (where there is no loop: that of trust),
/// no step is left, a round gains nothing, or at max_iterations; `iterations` counts the rounds.
/// What the critics are told: entailment is the mean over the text's parts (of a model's text: its
/// sentences) of P(all evidence entails it); others are the parents and their neighbours; cycles
/// (at most 100) and contradictions are those of the merged claim with what is left of the cluster;
/// supporting are the evidence and the claims that support it from outside or X from inside,
/// opposing those that refute or contradict.
///
/// auto_accepted: trust and reduction reach their targets. failed: the model gave no text, or trust
/// is below least_trust. Else needs_review. A stop ends it between rounds with `stopped`, within
/// one with compute_stopped.
synthesis_outcome synthesise(narrative const& on, text_scorer& scorer, tfidf_index const& index,
                             synthesizer_settings const& settings, text_source const& model,
                             compute_hooks const& hooks);

}  // namespace nsai::stages
