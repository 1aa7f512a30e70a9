#pragma once

#include <memory>

#include "stages/stage.hpp"

namespace nsai::stages {

/// {model, dataset, claims, corpus, resamples, seed}: a trained verifier (verifier_model.hpp; the
/// option, else the last artifact of kind "model") on every pair of claim and cited abstract.
///
/// `metrics.evaluation`, and the result (which has also `device`):
///   model_type, dataset, accuracy, macro_f1 (of statistics.hpp), per_class, confusion
///   intervals   95 %, bootstrap over the pairs
///   counts      of claim_pairs
/// `outputs.predictions`: as inputs.dataset.predictions (scifact.hpp), one for each claim; the
/// sentences of a document that is not NEI are those that match the claim best. Also as the
/// artifact `predictions.jsonl`, which data_load reads.
std::unique_ptr<stage> make_evaluate();

}  // namespace nsai::stages
