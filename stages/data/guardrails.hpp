#pragma once

#include <memory>

#include "stages/stage.hpp"

namespace nsai::stages {

/// {checks, max_violations, max_malformed, max_length, action}: scans the texts of the context: the
/// outputs of the proposer (`outputs.proposals`, else those of the data set) and the claims.
/// Checks (all by default):
///   schema      outputs with a malformed line or no CLAIM line, when their share is above
///               max_malformed (0.05)
///   uncited     claims with no document of their own in an output that cites none
///   length      outputs of more than max_length bytes (8000)
///   injection, pii, toxic_language, absolutist_language    in outputs and claims:
///   text_patterns.hpp
/// Result: {"passed", "scanned", "violating": texts with a violation, "share", "violations":
/// [{"id", "of": "output" or "claim", "check", "excerpt"}] (the first hundred, without personal
/// data), "counts": of violations by check}; `metrics.guardrails` is the same without the
/// violations. With action fail (default: flag) a share of violating texts above max_violations (0)
/// fails the stage with `guardrails_violated`.
std::unique_ptr<stage> make_guardrails();

}  // namespace nsai::stages
