#pragma once

#include <cublas_v2.h>

#include "stages/compute.hpp"
#include "stages/cuda/owners.hpp"

namespace nsai::stages::cuda {

/// cuBLAS is of the GPU machine's own toolkit and loaded when the first product is asked for: it is
/// ten times as large as everything else, and most jobs need none.
class cublas {
 public:
  /// Throws a device_error that says where it was looked for when there is none.
  explicit cublas(stream const& on);
  ~cublas();
  cublas(cublas const&) = delete;
  cublas& operator=(cublas const&) = delete;

  /// Why there is none on this machine; empty: there is.
  static std::string why_missing();

  /// A matrix on the device, or its transpose.
  struct factor {
    device_matrix<float const> matrix;
    bool is_transposed = false;

    factor(device_matrix<float const> m) : matrix(m) {}
    factor(device_matrix<float> m) : matrix(m) {}
    std::size_t rows() const { return is_transposed ? matrix.columns() : matrix.rows(); }
    std::size_t columns() const { return is_transposed ? matrix.rows() : matrix.columns(); }
  };
  static factor transposed(factor f) {
    f.is_transposed = !f.is_transposed;
    return f;
  }

  /// to = a · b + keep · to, row-major, as many rows as `a` and columns as `b` has.
  void multiply(factor a, factor b, device_matrix<float> to, float keep = 0,
                precision rounded = precision::fp32);
  /// For the probe: to = a · b of square matrices on the matrix units.
  void multiply(device_matrix<bfloat16 const> a, device_matrix<bfloat16 const> b,
                device_matrix<bfloat16> to);

 private:
  cublasHandle_t handle_ = nullptr;
};

}  // namespace nsai::stages::cuda
