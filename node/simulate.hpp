#pragma once

#include "node/cli.hpp"

namespace nsai::node {

/// `nsai simulate` and what stands under it. Each of these is a command of its own; a new one is
/// added to the list in simulate.cpp.
command simulate_faults_command();

}  // namespace nsai::node
