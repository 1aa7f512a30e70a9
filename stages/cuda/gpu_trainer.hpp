#pragma once

#include <memory>

#include "stages/compute.hpp"

namespace nsai::stages::cuda {

/// Examples that fit into the room (bytes, together with the network) are copied to the GPU once,
/// and a step moves its row numbers there; of others it moves the batch. A batch's losses come
/// back.
std::unique_ptr<trainer> make_gpu_trainer(network_state from, examples const& on, std::size_t room);

}  // namespace nsai::stages::cuda
