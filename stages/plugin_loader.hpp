#pragma once

#include <string>

#include "stages/host_protocol.hpp"
#include "stages/stage.hpp"

namespace nsai::stages {

/// Loads a library into this process and adds its stages to `to`; the library stays loaded. Called
/// in stage hosts only. Throws std::runtime_error, or what the library throws.
void load_plugin(std::string const& library, registry& to);

/// Loads a library and tells what is in it, or why nothing is.
plugin_description describe_plugin(std::string const& library);

}  // namespace nsai::stages
