#pragma once

#include <string>

#include "simulation/history.hpp"

namespace nsai::simulation {

/// A picture of what happened: devices and cores held over time, stacked by tenant, and below the
/// jobs that waited. The tenants that held most are told apart, the rest are one. Follows the
/// reader's light or dark colours.
std::string timeline_svg(history const& h, std::string const& title);

}  // namespace nsai::simulation
