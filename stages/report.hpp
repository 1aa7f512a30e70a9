#pragma once

#include <memory>

#include "stages/stage.hpp"

namespace nsai::stages {

/// {title}: writes `report.json`, `report.md`, `report.html` (one page with the figures in it) and
/// each figure as an .svg into the job's artifact directory, and names them in `artifacts`.
/// Figures: scores (metrics.proposer.labels), training_scores and loss (metrics.training), flags
/// (metrics.antagonist), beta1 and critics (metrics.synthesizer), as far as those are there.
std::unique_ptr<stage> make_report();

}  // namespace nsai::stages
