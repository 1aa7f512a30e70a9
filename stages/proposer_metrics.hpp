#pragma once

#include <memory>

#include "stages/proposer_scores.hpp"
#include "stages/scifact.hpp"
#include "stages/stage.hpp"

namespace nsai::stages {

/// {metrics, schema_target, citation_target, entailment_target, similarity_target, batch_size, and
/// the options of a scorer (text/scorer.hpp)}: scores a proposer on the data set of the context
/// (context_data.hpp), into `metrics.proposer` and as result.
std::unique_ptr<stage> make_proposer_metrics();

/// Least value at which a metric counts as passed.
struct proposer_targets {
  double schema_compliance = 0.95;
  double citation_accuracy = 0.95;
  double entailment_score = 0.75;
  double similarity_score = 0.70;
};

/// The object `metrics.proposer`:
///   schema_compliance   share of outputs with one well-formed CLAIM line or more
///   citation_accuracy   cited documents that are in the corpus over all cited. Cited are the
///                       documents in the outputs (each once an output); without outputs those
///                       that predictions call SUPPORT or CONTRADICT
///   entailment_score    mean over claims of P(evidence entails claim), see proposer_scores.hpp;
///                       without outputs from the predictions
///   similarity_score    mean over claims of the cosine of proposed and gold claim
///   scorer              its name, where it was used
///   overall_pass_rate   share of the enabled metrics that reach their target; one that cannot be
///                       computed has not reached it. Null when none can be computed
///   labels              the four scores of label_scores.hpp
///   counts, notes, targets
/// `texts` may be null where neither score of texts is enabled. What was not enabled or cannot be
/// computed is null, with the reason under `notes`.
/// `counts.gated` is the number of claims whose gold evidence documents are not all cited;
/// `counts.enabled_metrics` and `counts.computed_metrics` are of those that make the pass rate.
json proposer_metrics(dataset const& data, std::vector<std::string> const& enabled,
                      proposer_targets const& targets, proposer_texts const* texts);

/// The metrics that can be enabled, in the order of the report.
std::vector<std::string> const& proposer_metric_names();

}  // namespace nsai::stages
