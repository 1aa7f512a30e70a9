#pragma once

#include <cublas_v2.h>

#include "stages/compute.hpp"
#include "stages/cuda/owners.hpp"

namespace nsai::stages::cuda {

/// cuBLAS is of the GPU machine's own toolkit and loaded when the first product is asked for: it is
/// ten times as large as everything else, and most jobs need none.
class cublas {
 public:
  /// Throws std::runtime_error that says where it was looked for when there is none.
  explicit cublas(stream const& on);
  ~cublas();
  cublas(cublas const&) = delete;
  cublas& operator=(cublas const&) = delete;

  /// Why there is none on this machine; empty: there is.
  static std::string why_missing();

  /// Products of row-major floats, all on the device:
  ///   to (rows × columns) = factor_of(a) · factor_of(b) + keep · to
  /// where `a` is rows × inner (turned: inner × rows) and `b` is inner × columns (turned: columns ×
  /// inner).
  enum class side { as_it_is, turned };
  struct product {
    std::size_t rows = 0;
    std::size_t inner = 0;
    std::size_t columns = 0;
    side a = side::as_it_is;
    side b = side::as_it_is;
    float keep = 0;
    precision rounded = precision::fp32;
  };
  void multiply(product const& p, float const* a, float const* b, float* to);

  /// For the probe: to = a · b of square matrices of bfloat16 (16 bits each) on the matrix units.
  void multiply_bf16(std::size_t side, void const* a, void const* b, void* to);

 private:
  cublasHandle_t handle_ = nullptr;
};

}  // namespace nsai::stages::cuda
