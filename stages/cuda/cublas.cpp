#include "stages/cuda/cublas.hpp"

#include <climits>
#include <stdexcept>
#include <string>

#include <dlfcn.h>

#include "messages/field_list.hpp"

namespace nsai::stages::cuda {
namespace {

/// cublasGemmEx, which the header also has as an overload for older types of computation.
using gemm_function = cublasStatus_t (*)(cublasHandle_t, cublasOperation_t, cublasOperation_t, int,
                                         int, int, void const*, void const*, cudaDataType, int,
                                         void const*, cudaDataType, int, void const*, void*,
                                         cudaDataType, int, cublasComputeType_t, cublasGemmAlgo_t);

/// The functions that are used, with the types of the toolkit that this was built with.
struct functions {
  decltype(&cublasCreate_v2) create = nullptr;
  decltype(&cublasDestroy_v2) destroy = nullptr;
  decltype(&cublasSetStream_v2) set_stream = nullptr;
  gemm_function gemm = nullptr;
  decltype(&cublasGetStatusString) words = nullptr;
  std::string missing;
};

template <class F>
bool find(void* library, char const* name, F& to) {
  to = reinterpret_cast<F>(::dlsym(library, name));
  return to != nullptr;
}

/// The same major version as the headers: its interface is stable within one.
functions load() {
  functions f;
  std::string const name = "libcublas.so." + std::to_string(CUBLAS_VER_MAJOR);
  void* library = nullptr;
  std::string why;
  for (std::string const& folder : {std::string{}, std::string{"/usr/local/cuda/lib64/"}}) {
    library = ::dlopen((folder + name).c_str(), RTLD_NOW | RTLD_LOCAL);
    if (library != nullptr)
      break;
    why = ::dlerror();
  }
  if (library == nullptr)
    f.missing = name + " could not be loaded, neither by the loader (LD_LIBRARY_PATH) nor in " +
                "/usr/local/cuda/lib64; it comes with NVIDIA's CUDA toolkit (" + why + ")";
  else if (!find(library, "cublasCreate_v2", f.create) ||
           !find(library, "cublasDestroy_v2", f.destroy) ||
           !find(library, "cublasSetStream_v2", f.set_stream) ||
           !find(library, "cublasGemmEx", f.gemm) ||
           !find(library, "cublasGetStatusString", f.words))
    f.missing = name + " lacks a function of its interface";
  return f;
}

functions const& loaded() {
  static functions const once = load();
  return once;
}

void check_blas(cublasStatus_t status, char const* what) {
  if (status == CUBLAS_STATUS_SUCCESS)
    return;
  // An error of the device says more, and who has to act. cuBLAS has a runtime of its own, whose
  // last error cannot be asked for; but the context tells one that has spoilt it to everyone.
  check(cudaDeviceSynchronize(), what);
  if (status == CUBLAS_STATUS_ALLOC_FAILED)
    throw error(cudaErrorMemoryAllocation, what);
  throw std::runtime_error(std::string{what} + ": cuBLAS says " + loaded().words(status));
}

}  // namespace

std::string cublas::why_missing() {
  return loaded().missing;
}

cublas::cublas(stream const& on) {
  if (!loaded().missing.empty())
    throw device_error(loaded().missing, fault_class::retry, false);
  check_blas(loaded().create(&handle_), "cuBLAS");
  check_blas(loaded().set_stream(handle_, on.get()), "cuBLAS");
}

cublas::~cublas() {
  if (handle_ != nullptr)
    loaded().destroy(handle_);
}

void cublas::multiply(factor a, factor b, device_matrix<float> to, float keep, precision rounded) {
  // cuBLAS counts by columns: a row-major matrix is its own transpose there. So the product is
  // taken the other way round, to^T = b^T · a^T.
  float const one = 1;
  auto const op = [](factor const& f) { return f.is_transposed ? CUBLAS_OP_T : CUBLAS_OP_N; };
  auto const whole = [](std::size_t n) {
    if (n > INT_MAX)
      throw shape_error("matrix", std::to_string(n) + " rows or columns",
                        "at most " + std::to_string(INT_MAX) + ", as cuBLAS counts");
    return static_cast<int>(n);
  };
  auto const type = rounded == precision::tf32 ? CUBLAS_COMPUTE_32F_FAST_TF32 : CUBLAS_COMPUTE_32F;
  check_blas(
      loaded().gemm(handle_, op(b), op(a), whole(b.columns()), whole(a.rows()), whole(a.columns()),
                    &one, b.matrix.data(), CUDA_R_32F, whole(b.matrix.columns()), a.matrix.data(),
                    CUDA_R_32F, whole(a.matrix.columns()), &keep, to.data(), CUDA_R_32F,
                    whole(to.columns()), type, CUBLAS_GEMM_DEFAULT),
      "a matrix product");
}

void cublas::multiply(device_matrix<bfloat16 const> a, device_matrix<bfloat16 const> b,
                      device_matrix<bfloat16> to) {
  float const one = 1;
  float const none = 0;
  int const n = static_cast<int>(to.rows());
  check_blas(loaded().gemm(handle_, CUBLAS_OP_N, CUBLAS_OP_N, n, n, n, &one, b.data(), CUDA_R_16BF,
                           n, a.data(), CUDA_R_16BF, n, &none, to.data(), CUDA_R_16BF, n,
                           CUBLAS_COMPUTE_32F, CUBLAS_GEMM_DEFAULT),
             "a matrix product");
}

}  // namespace nsai::stages::cuda
