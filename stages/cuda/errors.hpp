#pragma once

#include <cuda_runtime_api.h>

#include "stages/compute.hpp"

namespace nsai::stages::cuda {

/// The one place that tells them apart; pure, so that it is tested without a GPU.
fault_class classify(cudaError_t code);

/// After such an error the process can use CUDA no more: the stage host has to go.
bool is_sticky(cudaError_t code);

class error : public device_error {
 public:
  error(cudaError_t code, char const* what);
  cudaError_t code() const { return code_; }

 private:
  cudaError_t code_;
};

/// Throws `error` unless `code` is success. `what` says what was tried: "the copy of the corpus".
inline void check(cudaError_t code, char const* what) {
  if (code == cudaSuccess)
    return;
  cudaGetLastError();  // it was told: the next launch must not find it again
  throw error(code, what);
}

}  // namespace nsai::stages::cuda
