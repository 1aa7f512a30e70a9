#pragma once

#include <string>

#include "stages/compute.hpp"

/// The GPU's twin: of stages/cuda where this was built with CUDA; else of stages/gpu_absent.cpp,
/// which refuses. Linked into stage hosts only, so that the node's process never has a context.
namespace nsai::stages {

/// The GPUs that CUDA shows this process, made at the first call and kept: a context takes tenths of
/// a second. Throws device_error when there is none that can be used.
compute& gpu_compute();

/// Why gpu_compute would throw; empty: it would not.
std::string why_no_gpu();

}  // namespace nsai::stages
