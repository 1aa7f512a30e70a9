#pragma once

#include <cstddef>

#include <cuda_runtime.h>

#include "stages/cuda/owners.hpp"

/// How kernels are started, and what they use of CUDA that is written otherwise where the tests run
/// them without a GPU (tests/cuda/emulator).
namespace nsai::stages::cuda {

struct launch_shape {
  dim3 blocks;
  dim3 threads;
  std::size_t shared_bytes = 0;  // of dynamic_shared
};

/// Puts a kernel onto a stream. `what` names it in errors.
template <class... Parameters, class... Arguments>
void launch(char const* what, void (*kernel)(Parameters...), launch_shape const& shape,
            stream const& on, Arguments... arguments) {
  kernel<<<shape.blocks, shape.threads, shape.shared_bytes, on.get()>>>(arguments...);
  check(cudaGetLastError(), what);
}

/// The block's memory whose size was given at the launch.
template <class T>
__device__ T* dynamic_shared() {
  extern __shared__ float4 memory[];
  return reinterpret_cast<T*>(memory);
}

}  // namespace nsai::stages::cuda
