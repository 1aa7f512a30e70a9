#include <algorithm>

#include <cuda_bf16.h>

#include "stages/cuda/kernels.hpp"
#include "stages/cuda/launch.hpp"

namespace nsai::stages::cuda {
namespace {

__global__ void nothing() {}

__global__ void copy(float4 const* from, float4* to, std::size_t count) {
  std::size_t const step = static_cast<std::size_t>(gridDim.x) * blockDim.x;
  std::size_t i = static_cast<std::size_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  for (; i + 3 * step < count; i += 4 * step) {
    float4 const a = __ldcs(from + i);
    float4 const b = __ldcs(from + i + step);
    float4 const c = __ldcs(from + i + 2 * step);
    float4 const d = __ldcs(from + i + 3 * step);
    __stcs(to + i, a);
    __stcs(to + i + step, b);
    __stcs(to + i + 2 * step, c);
    __stcs(to + i + 3 * step, d);
  }
  for (; i < count; i += step)
    to[i] = from[i];
}

/// A hash of the index (finaliser of MurmurHash3): any element without those before it.
__device__ float noise(std::size_t i, std::uint32_t seed) {
  auto h = static_cast<std::uint32_t>(i) * 0x9e3779b9U ^ seed;
  h ^= h >> 16U;
  h *= 0x85ebca6bU;
  h ^= h >> 13U;
  h *= 0xc2b2ae35U;
  h ^= h >> 16U;
  return static_cast<float>(h) * (2.0F / 4294967296.0F) - 1.0F;
}

template <class T>
__global__ void make_noise(T* to, std::size_t count, std::uint32_t seed) {
  std::size_t const step = static_cast<std::size_t>(gridDim.x) * blockDim.x;
  for (std::size_t i = static_cast<std::size_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < count;
       i += step)
    to[i] = static_cast<T>(noise(i, seed));
}

}  // namespace

void launch_nothing(stream const& on) {
  launch("an empty kernel", nothing, {1, 32}, on);
}

void copy_within(device_span<char const> from, device_span<char> to, stream const& on) {
  launch("the kernel that copies", copy, {4096, 256}, on,
         reinterpret_cast<float4 const*>(from.data()), reinterpret_cast<float4*>(to.data()),
         to.size() / sizeof(float4));
}

void fill_with_noise(device_span<float> to, std::uint32_t seed, stream const& on) {
  launch("the kernel of noise", make_noise<float>, {4096, 256}, on, to.data(), to.size(), seed);
}

void fill_with_noise(device_span<bfloat16> to, std::uint32_t seed, stream const& on) {
  static_assert(sizeof(bfloat16) == sizeof(__nv_bfloat16));
  launch("the kernel of noise", make_noise<__nv_bfloat16>, {4096, 256}, on,
         reinterpret_cast<__nv_bfloat16*>(to.data()), to.size(), seed);
}

}  // namespace nsai::stages::cuda
