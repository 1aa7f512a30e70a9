#pragma once

#include <memory>

#include "stages/compute.hpp"

namespace nsai::stages::cuda {

/// The examples are copied to the GPU once; a step moves its row numbers there and its loss back.
std::unique_ptr<trainer> make_gpu_trainer(network_state from, examples const& on);

}  // namespace nsai::stages::cuda
