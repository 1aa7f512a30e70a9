#pragma once

#include <memory>

#include "stages/cns/chirality.hpp"
#include "stages/cns/sno.hpp"
#include "stages/stage.hpp"

namespace nsai::stages {

/// antagonist_metrics {rips_points, precision_target, recall_target}: measures an antagonist, into
/// `metrics.antagonist` and as result. On outputs.snos, relations and flags; where there are no
/// SNOs, on the texts in inputs.dataset.outputs.
std::unique_ptr<stage> make_antagonist_metrics();

struct antagonist_measure_settings {
  std::size_t rips_points = 256;
  double precision_target = 0.8;
  double recall_target = 0.7;
};

// clang-format off
/// The object `metrics.antagonist`:
///   precision, recall, f1  of flagged claims of the data set. A claim is flagged when the SNO that
///                   states it (statements_of) is in a contradiction flag, without flags: in a pair
///                   that refutes or contradicts; it is relevant when it has gold evidence
///                   CONTRADICT. An empty denominator gives 0
///   recall_in_corpus  recall over the relevant claims of which the corpus has a document that
///                   contradicts them
///   mean_beta1      mean over the questions of beta1 of the graph of their own SNOs
///   beta1           of the whole graph, relations between questions included
///   mean_chirality  over contradiction flags with a chirality; without flags over such pairs
///   flags           {high, medium, low, total}
///   polarity_conflicts, directed_cycles  numbers (of elementary cycles at most 1,000)
///   vietoris_rips   of the claims' embeddings (chirality.hpp), of `rips_points` claims at equal
///                   steps where there are more: {points, beta1, scale, loops, max_persistence,
///                   total_persistence}; beta1 is the largest of 32 scales from 0 to the upper one,
///                   `scale` the first where it is
///   targets         {precision, recall}
///   counts          {questions, claims, relations, edges, self_relations, unknown_ends, flagged,
///                   relevant, correct, relevant_in_corpus}
///   notes           why something is null, by its name
/// What cannot be computed is null, with the reason under `notes`. Throws compute_stopped.
// clang-format on
json antagonist_metrics(context const& ctx, dataset const& data, compute& device,
                        antagonist_measure_settings const& settings, compute_hooks const& hooks);

}  // namespace nsai::stages
