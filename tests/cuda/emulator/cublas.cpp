// A library of cuBLAS's name for stages/cuda/cublas.cpp to load: the one product that is used of
// it, of floats, on the emulator's streams (runtime.hpp), with the checks that cuBLAS makes of
// sizes.
#include <cstddef>

#include <cublas_v2.h>

#include "tests/cuda/emulator/runtime.hpp"

struct cublasContext {
  cudaStream_t on = nullptr;
};

namespace {

/// Columns lie together: element (row, column) of what `turned` says is the transpose of the matrix
/// in memory.
struct factor {
  float const* data;
  std::size_t apart;  // of two columns
  bool turned;

  float at(std::size_t row, std::size_t column) const {
    return turned ? data[row * apart + column] : data[column * apart + row];
  }
};

}  // namespace

extern "C" {

cublasStatus_t cublasCreate_v2(cublasHandle_t* to) {
  *to = new cublasContext;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasDestroy_v2(cublasHandle_t handle) {
  delete handle;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasSetStream_v2(cublasHandle_t handle, cudaStream_t on) {
  handle->on = on;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasGemmEx(cublasHandle_t handle, cublasOperation_t a_op, cublasOperation_t b_op,
                            int m, int n, int k, void const* alpha, void const* a,
                            cudaDataType a_type, int lda, void const* b, cudaDataType b_type,
                            int ldb, void const* beta, void* c, cudaDataType c_type, int ldc,
                            cublasComputeType_t, cublasGemmAlgo_t) {
  if (a_type != CUDA_R_32F || b_type != CUDA_R_32F || c_type != CUDA_R_32F)
    return CUBLAS_STATUS_NOT_SUPPORTED;
  bool const a_turned = a_op != CUBLAS_OP_N;
  bool const b_turned = b_op != CUBLAS_OP_N;
  if (m < 0 || n < 0 || k < 0 || lda < (a_turned ? k : m) || ldb < (b_turned ? n : k) || ldc < m ||
      lda < 1 || ldb < 1 || ldc < 1)
    return CUBLAS_STATUS_INVALID_VALUE;
  factor const left{static_cast<float const*>(a), static_cast<std::size_t>(lda), a_turned};
  factor const right{static_cast<float const*>(b), static_cast<std::size_t>(ldb), b_turned};
  auto* const to = static_cast<float*>(c);
  float const times = *static_cast<float const*>(alpha);
  float const keep = *static_cast<float const*>(beta);
  nsai::tests::emulator::enqueue(handle->on, [=] {
    for (int column = 0; column < n; ++column)
      for (int row = 0; row < m; ++row) {
        float sum = 0;
        for (int i = 0; i < k; ++i)
          sum += left.at(row, i) * right.at(i, column);
        auto& element = to[static_cast<std::size_t>(column) * ldc + row];
        element =
            times * sum + (keep == 0 ? 0 : keep * element);  // what was there may be no number
      }
  });
  return CUBLAS_STATUS_SUCCESS;
}

char const* cublasGetStatusString(cublasStatus_t) {
  return "sizes do not fit";
}

}  // extern "C"
