#include "stages/cuda/several_gpus.hpp"
#include "stages/gpu.hpp"

namespace nsai::stages {

using namespace cuda;

namespace {

compute* made() {
  int count = 0;
  check(cudaGetDeviceCount(&count), "the GPUs");
  if (count > 1)
    return new several_gpus(count);
  return new one_gpu(0);
}

}  // namespace

compute& gpu_compute() {
  try {
    // Never destroyed: CUDA's own statics may be gone by then.
    static auto* const all = made();
    return *all;
  } catch (error const& e) {
    // CUDA remembers that it could not begin: another attempt needs another process.
    throw device_error(e.what(), e.who(), e.code() != cudaErrorMemoryAllocation);
  }
}

std::string why_no_gpu() {
  int count = 0;
  auto const code = cudaGetDeviceCount(&count);
  cudaGetLastError();
  int driver = 0;
  if (cudaDriverGetVersion(&driver) == cudaSuccess && driver == 0)
    return "this machine has no NVIDIA driver";
  if (code != cudaSuccess)
    return cudaGetErrorString(code);
  return count > 0 ? "" : "CUDA shows no device";
}

}  // namespace nsai::stages
