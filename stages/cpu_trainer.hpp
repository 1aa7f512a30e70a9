#pragma once

#include <memory>

#include "stages/compute.hpp"

namespace nsai::stages {

/// The trainer on one core.
std::unique_ptr<trainer> make_cpu_trainer(network_state from, examples const& on);

}  // namespace nsai::stages
