#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>

#include <vector_functions.h>
#include <vector_types.h>

#include "stages/cuda/owners.hpp"
#include "tests/cuda/emulator/emulator.hpp"
#include "tests/cuda/emulator/runtime.hpp"

/// Stands before the real one: kernels run on the CPU, block after block, the threads of a block in
/// turns between their barriers (emulator.hpp), when their stream comes to them (runtime.hpp). What
/// the kernels use of CUDA's language:
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

using tests::emulator::barrier_site;

inline void __syncthreads(barrier_site site = barrier_site::current()) {
  tests::emulator::block_barrier(site);
}
inline int __syncthreads_or(bool mine, barrier_site site = barrier_site::current()) {
  return tests::emulator::block_any(mine, site) ? 1 : 0;
}
inline float __shfl_xor_sync(unsigned, float mine, int apart,
                             barrier_site site = barrier_site::current()) {
  return tests::emulator::exchange(mine, apart, site);
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
void launch(char const* what, void (*kernel)(Parameters...), launch_shape const& shape,
            stream const& on, Arguments... arguments) {
  check(tests::emulator::launch_fault(shape.blocks, shape.threads, shape.shared_bytes), what);
  tests::emulator::enqueue(on.get(), [=] {
    tests::emulator::run(shape.blocks, shape.threads, shape.shared_bytes,
                         [=] { kernel(arguments...); });
  });
}

template <class T>
T* dynamic_shared() {
  return static_cast<T*>(tests::emulator::shared_memory());
}

}  // namespace nsai::stages::cuda
