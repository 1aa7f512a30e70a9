#pragma once

#include <memory>

#include "stages/stage.hpp"

namespace nsai::stages {

/// gpu_noop {}: launches one empty kernel on the GPU that was granted; nothing without one.
std::unique_ptr<stage> make_gpu_noop();

/// gpu_probe {}: measures the GPU that was granted (or the CPU): memory bandwidth, copies to and
/// from the machine, matrix products, the launch of a kernel. `nsai nodes --probe` runs it.
std::unique_ptr<stage> make_gpu_probe();

}  // namespace nsai::stages
