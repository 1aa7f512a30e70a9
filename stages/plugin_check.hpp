#pragma once

#include <string>
#include <vector>

#include "stages/host_protocol.hpp"
#include "stages/stage.hpp"

/// What a node finds out about a stage library without loading it.
namespace nsai::stages {

/// Why a node must not use the file: not absolute, not there, no plain file, or somebody else could
/// have written it (or moved another one to its place). Empty: nothing is wrong with it.
std::string plugin_file_fault(std::string const& library);

/// Why what a library tells about itself cannot be used; `wanted` are the stages that the config
/// names (empty: any). Empty: nothing is wrong. Sets the stages' backend to "stage_host".
std::string check_plugin_description(plugin_description& told, registry const& built_in,
                                     std::vector<std::string> const& wanted);

}  // namespace nsai::stages
