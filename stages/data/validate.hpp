#pragma once

#include <memory>

#include "stages/stage.hpp"

namespace nsai::stages {

/// {require, types, thresholds, on_failure}: holds the context against what is expected of it, so
/// that an experiment ends early instead of measuring nonsense.
///   require     paths of the context that must be there and not null ("inputs.dataset.claims",
///               "metrics.proposer.labels")
///   types       an object: path -> string, number, integer, boolean, array or object
///   thresholds  an object: path -> {"min", "max"}, either may be missing; the bounds are allowed
///   on_failure  fail (default) or report
/// A data set, where there is one, must be sound in itself: its shape, and claims with a text and
/// an id of their own. All faults are told at once: {"valid", "checks", "fault_count", "faults":
/// [{"path", "came", "expected"}] (the first hundred)}, as result and in `metrics.validate`; with
/// "fail" also as the error `invalid`.
std::unique_ptr<stage> make_validate();

}  // namespace nsai::stages
