#pragma once

#include <memory>

#include "stages/stage.hpp"

namespace nsai::stages {

/// {title}: writes `report.json`, `report.md` and, where there are label scores, `scores.svg` into
/// the job's artifact directory, and names them in `artifacts`.
std::unique_ptr<stage> make_report();

/// The report as Markdown. `title` empty: the experiment's name, else its id.
std::string report_markdown(context const& ctx, std::string const& title);

/// Bars of precision, recall and F1 for each of the four label scores (`metrics.proposer.labels`),
/// as SVG.
std::string label_figure(json const& labels);

}  // namespace nsai::stages
