#pragma once

#include <memory>

#include "stages/stage.hpp"

namespace nsai::stages {

/// {model_type, dataset, claims, corpus, dev_dataset, dev_claims, dev_share, epochs, batch_size,
/// learning_rate, seed, seeds, hidden, buckets, balance, resamples}: trains a network that verifies
/// claims (SUPPORT, CONTRADICT, NEI of a claim and an abstract that it cites; pair_features.hpp)
/// and compares it, on dev claims that it did not learn from, with the most frequent class and with
/// the nearest centroid of bags of words.
///
/// `metrics.training`, and the result (which has also `device`, `resumed_epochs` and `model`):
///   model_type, dataset, dev       the names; dev: "dev claims" or "split by document"
///   dev_accuracy, dev_macro_f1     means over the seeds (macro_f1 of statistics.hpp, as in bench)
///   intervals                      of those: {"accuracy": [low, high], "macro_f1": [low, high]},
///                                  95 %, bootstrap over the dev pairs
///   per_class, confusion           of the first seed, whose network is the model
///   baselines                      {"majority", "nearest_centroid"}: each {accuracy, macro_f1,
///                                  intervals, margin}; margin: intervals of how much better the
///                                  network is; a lower end above 0 tells that it is
///   loss_curve                     of the first seed: [{epoch, train_loss, dev_accuracy,
///                                  dev_macro_f1}]
///   runs, deviation                every seed's {seed, accuracy, macro_f1}; their standard
///                                  deviations (null for one)
///   counts                         {"train": {...}, "dev": {...}} of claim_pairs
///   options, notes
/// Artifacts: `model.nsai` (kind "model"; verifier_model.hpp) and `loss.svg`. The document that
/// this follows shows 3 epochs with a learning rate of 2e-4, which suit a model that is trained
/// already; a network from scratch has then hardly moved, so the defaults are 10 and 2e-3.
std::unique_ptr<stage> make_training();

}  // namespace nsai::stages
