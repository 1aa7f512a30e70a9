#pragma once

#include <memory>

#include "stages/stage.hpp"

namespace nsai::stages {

/// {directory, strategy, limit, seed, queue}: writes what people are to label as JSON lines, one
/// item each, best first, into DIRECTORY/QUEUE-EXPERIMENT-JOB.jsonl (relative directories are from
/// the experiment's folder; default: the artifacts). The file appears whole or not at all (written
/// beside, synced, renamed); a retry of the job puts the same name in its place.
///
/// Items come from the context: every element of `outputs.snos` ({id, claim, confidence,
/// evidence}), `outputs.flags` ({id, severity: high | medium | low, kind, claims: ids, reason}) and
/// `outputs.syntheses` ({id, claim, beta1_before, beta1_after, trust, status}); without any of them
/// the claims of the data set, each with its predicted documents. An item:
///   {"queue", "rank": from 1, "strategy", "kind": sno | flag | synthesis | claim, "id", "text":
///    the claim or the reason, "severity", "confidence", "beta1_reduction": (before − after) /
///    before, 0 when before is 0, "payload": the element as it came}
/// What an item has not is null. A synthesis's confidence is its trust.
/// Strategies: random (by seed), high_severity_first (default), high_beta1_reduction_first,
/// low_confidence_first; of equal ones the earlier first, null last. `limit`: at most so many, 0:
/// all.
/// Result and `metrics.labeling_queue`: {"items", "written", "by_kind"}; the result also has
/// "path". The file becomes an artifact {"name", "kind": "labeling_queue", "path"}.
std::unique_ptr<stage> make_labeling_queue();

}  // namespace nsai::stages
