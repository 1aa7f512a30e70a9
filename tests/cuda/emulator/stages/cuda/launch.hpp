#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <functional>

#include <vector_functions.h>
#include <vector_types.h>

#include "stages/cuda/owners.hpp"
#include "tests/cuda/emulator/emulator.hpp"

/// Stands before the real one: kernels run on the CPU, block after block, the threads of a block in
/// turns between their barriers (emulator.hpp). What the kernels use of CUDA's language:
#undef __global__
#undef __device__
#undef __host__
#undef __shared__
#undef __launch_bounds__
#define __global__
#define __device__
#define __host__
#define __shared__ static  // blocks run one at a time
#define __launch_bounds__(...)

#define threadIdx (::nsai::tests::emulator::current().thread)
#define blockIdx (::nsai::tests::emulator::current().block)
#define blockDim (::nsai::tests::emulator::current().threads)
#define gridDim (::nsai::tests::emulator::current().blocks)

namespace nsai::stages::cuda {

using std::min;

inline void __syncthreads() {
  tests::emulator::block_barrier();
}
inline int __syncthreads_or(bool mine) {
  return tests::emulator::block_any(mine) ? 1 : 0;
}
inline float __shfl_xor_sync(unsigned, float mine, int apart) {
  return tests::emulator::exchange(mine, apart);
}
template <class T>
T atomicAdd(T* at, T more) {
  T const before = *at;
  *at += more;
  return before;
}
template <class T>
T __ldcs(T const* from) {
  return *from;
}
template <class T>
void __stcs(T* to, T value) {
  *to = value;
}

struct launch_shape {
  dim3 blocks;
  dim3 threads;
  std::size_t shared_bytes = 0;
};

template <class... Parameters, class... Arguments>
void launch(char const*, void (*kernel)(Parameters...), launch_shape const& shape, stream const&,
            Arguments... arguments) {
  tests::emulator::run(shape.blocks, shape.threads, shape.shared_bytes,
                       [&] { kernel(arguments...); });
}

inline void clear_memory(void* at, std::size_t bytes, stream const&, char const*) {
  std::memset(at, 0, bytes);
}

template <class T>
T* dynamic_shared() {
  return static_cast<T*>(tests::emulator::shared_memory());
}

}  // namespace nsai::stages::cuda
