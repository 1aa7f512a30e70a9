#pragma once

#include "node/cli.hpp"
#include "scheduling/placement_policy.hpp"

namespace nsai::node {

/// `nsai simulate` and what stands under it. Each of these is a command of its own; a new one is
/// added to the list in simulate.cpp.
command simulate_faults_command();
command simulate_run_command();
command simulate_placement_command();
std::vector<command> simulate_import_commands();  // import-openb, import-sacct

/// The text of a file. Throws shape_error with its name.
std::string read_text(std::string const& file);
void write_text(std::string const& file, std::string const& text);
/// Throws shape_error for an unknown name.
scheduling::placement_policy policy_named(std::string const& name);

}  // namespace nsai::node
