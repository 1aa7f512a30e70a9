#pragma once

#include <memory>

#include "stages/stage.hpp"

namespace nsai::stages {

/// {dataset, claims, corpus, predictions, outputs, limit}: reads claim-verification data in
/// SciFact's format into `inputs.dataset` (scifact.hpp), its counts and the SHA-256 of each part
/// that was read into `metrics.data`. Paths given as options come first, then the data set named by
/// `dataset`, then that of the experiment. A name is one of the node's config (`datasets`) or
/// `sample`, which is built in. Relative paths are resolved from the experiment file's folder.
std::unique_ptr<stage> make_data_load();

}  // namespace nsai::stages
