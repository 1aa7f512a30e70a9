#pragma once

#include <memory>

#include "stages/stage.hpp"

namespace nsai::stages {

/// {metrics, of, against, seed, resamples, level}: statistics of a results set.
///   of        "labels" (default): of each claim of the data set whether the predicted verdict is
///             the gold one. Else a path of the context to an array of numbers, of {"value"}, or of
///             {"gold", "predicted"}, the last two with an "id" where they have one.
///   metrics   mean, standard_deviation, accuracy (share of gold = predicted), f1 (macro); each but
///             the deviation with a bootstrap interval (statistics.hpp)
///   against   another results set in the same form, a path of the context or of a JSON file
///             (relative ones from the experiment's folder), for a paired comparison: by id where
///             both have ids, else by position
/// The verdict of a claim is the label of its first document with evidence; the predicted one the
/// label that most documents which are not NEI have, of equally many that of the first document;
/// without any NEI. Into `metrics.bench` and as result:
///   {"n", "mean": {"value", "low", "high"}, "standard_deviation", "accuracy", "f1", "paired":
///   {"n", "difference", "low", "high", "p"}, "notes"}; what cannot be computed is null with a
///   note.
/// The results set is written to the artifacts as bench_results.json, for a later `against`.
std::unique_ptr<stage> make_bench();

}  // namespace nsai::stages
