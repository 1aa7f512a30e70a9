#pragma once

#include <memory>

#include "stages/stage.hpp"

namespace nsai::stages {

/// antagonist {contradiction_threshold, high_threshold, neighbours, weak_validity, most_cycles,
/// add_relations, and the scorer's}: challenges the SNOs of `outputs` (without a proposer before
/// it: those of the texts in inputs.dataset.outputs). Kinds and severities of flags: flagging.hpp.
/// Into `outputs.flags`; with add_relations a contradiction that no relation said before becomes
/// one in `outputs.relations` (kind contradicts, after those that were there). Counts into
/// `metrics.flags` and the result: {claims, compared_pairs, contradictions_found, by_kind: {..},
/// all_cycles}.
std::unique_ptr<stage> make_antagonist();

}  // namespace nsai::stages
