#pragma once

#include <string>
#include <vector>

#include "messages/job.hpp"

namespace nsai::node {

/// The submissions of a file for `nsai submit --batch`: an array of them, or one a line. Who gives
/// no owner gets this one, and commands run where the batch was submitted unless they say where.
std::vector<submission> read_batch(std::string const& file, std::string const& owner);

}  // namespace nsai::node
