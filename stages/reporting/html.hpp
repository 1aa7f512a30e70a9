#pragma once

#include <string>

#include "stages/reporting/content.hpp"

namespace nsai::stages {

/// The report as one page: no script, nothing from elsewhere, the figures within it. It is
/// well-formed XML, too.
std::string html_of(report_content const& content);

}  // namespace nsai::stages
