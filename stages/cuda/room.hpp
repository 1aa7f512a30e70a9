#pragma once

#include <algorithm>
#include <cstddef>

#include <cuda_runtime_api.h>

#include "stages/cuda/errors.hpp"

namespace nsai::stages::cuda {

/// Bytes of the device that an operation may take for its data: as many as it was given (0: half of
/// what is free), but a tenth of what is free stays free.
inline std::size_t room_for_data(std::size_t given) {
  std::size_t free = 0;
  std::size_t total = 0;
  check(cudaMemGetInfo(&free, &total), "the GPU's free memory");
  return given > 0 ? std::min(given, free / 10 * 9) : free / 2;
}

}  // namespace nsai::stages::cuda
