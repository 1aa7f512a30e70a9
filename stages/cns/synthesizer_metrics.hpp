#pragma once

#include <memory>

#include "stages/cns/sno.hpp"
#include "stages/stage.hpp"

namespace nsai::stages {

/// synthesizer_metrics {reduction_target, trust_target}: measures a synthesizer, into
/// `metrics.synthesizer` and as result. On outputs.snos, relations and syntheses; where there are
/// no SNOs, what is known of the texts in inputs.dataset.outputs.
std::unique_ptr<stage> make_synthesizer_metrics();

struct synthesizer_targets {
  double beta1_reduction = 0.3;
  double trust = 0.7;
};

/// The object `metrics.synthesizer`:
///   beta1_before, beta1_after  of the whole graph; a synthesis that failed changes nothing
///   beta1_reduction            (before - after) / before; 0 where before is 0
///   mean_cluster_reduction     mean of the same over the syntheses with loops
///   critics                    {grounding, logic, novelty, bias}: means over the syntheses
///   trust                      mean
///   iterations                 {mean, max} to convergence
///   auto_accepted, needs_review, failed  numbers of syntheses
///   targets, counts {claims, relations, syntheses, merged_claims}, notes
/// What cannot be computed is null, with the reason under `notes`.
json synthesizer_metrics(context const& ctx, dataset const& data,
                         synthesizer_targets const& targets);

}  // namespace nsai::stages
