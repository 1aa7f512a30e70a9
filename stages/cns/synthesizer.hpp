#pragma once

#include <memory>

#include "stages/stage.hpp"

namespace nsai::stages {

// clang-format off
/// synthesizer {max_iterations, trust_target, reduction_target, least_trust, model, model_command,
/// and the scorer's}: merges the SNOs of `outputs` (without a proposer before it: those of the
/// texts in inputs.dataset.outputs) so that loops and contradictions go (synthesising.hpp). Into
/// `outputs`:
///   syntheses  [{id, claim, parents, evidence, beta1_before, beta1_after, trust,
///              critics {grounding, logic, novelty, bias}, iterations,
///              status auto_accepted | needs_review | failed, reason}]
///   graph      {before, after, merged, made}: before and after each count {claims, relations,
///              edges, components, beta1}; after has the syntheses that did not fail (`made`: their
///              ids) in place of their parents (`merged`: their ids). The relations of before are
///              outputs.relations; those of after the same with `made` for `merged`, each once and
///              without those that are now within one claim
/// and counts into `metrics.syntheses` and the result.
///
/// model `composed`: wordings_of; `command`: the program gets lines {"id", "claims": [{"id",
/// "claim", "evidence": [sentences]}], "relations": [{from, kind, to}]} and answers {"id",
/// "output"}: the merged claim, alone or as the first CLAIM line of a proposer's text.
// clang-format on
std::unique_ptr<stage> make_synthesizer();

}  // namespace nsai::stages
