#pragma once

#include <cstddef>
#include <functional>
#include <source_location>

#include <driver_types.h>
#include <vector_types.h>

/// Runs CUDA kernels on one thread of the CPU: each thread of a block has a stack of its own, and
/// gives way where it waits for others. It finds errors of logic: indices, barriers that not all
/// threads reach, bounds (with the address sanitizer). Not races between barriers, nor anything of
/// a GPU's own.
namespace nsai::tests::emulator {

struct place {
  uint3 thread;
  uint3 block;
  dim3 threads;
  dim3 blocks;
};

/// Of the thread that runs now.
place const& current();

/// Throws std::logic_error when threads of a block wait for each other at different barriers, or
/// some have ended while others wait at a barrier of the whole block.
void run(dim3 blocks, dim3 threads, std::size_t shared_bytes, std::function<void()> const& kernel);

/// What CUDA says of a launch of that shape, by the limits that all devices since sm_80 have.
cudaError_t launch_fault(dim3 blocks, dim3 threads, std::size_t shared_bytes);

using barrier_site = std::source_location;

void block_barrier(barrier_site site = barrier_site::current());
bool block_any(bool mine, barrier_site site = barrier_site::current());
/// With lane ^ apart, of the whole warp.
float exchange(float mine, int apart, barrier_site site = barrier_site::current());
void* shared_memory();

}  // namespace nsai::tests::emulator
