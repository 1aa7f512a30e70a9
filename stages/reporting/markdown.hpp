#pragma once

#include <string>

#include "stages/reporting/content.hpp"

namespace nsai::stages {

/// The report as Markdown (GitHub's, with tables); figures are named as files beside it.
std::string markdown_of(report_content const& content);

}  // namespace nsai::stages
