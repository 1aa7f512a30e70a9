#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>

#include <driver_types.h>

/// CUDA's runtime on the CPU, for what stages/cuda calls of it: memory, streams and events, so that
/// the host's code runs where there is no GPU. Nothing is done before somebody waits for it, copies
/// included, and what streams have to do goes on in a random order: what does not wait for what it
/// needs, or gives up memory too early, shows (the second with the address sanitizer). Memory is
/// full of what is not a number until it is written. Several threads may use it, one at a time.
namespace nsai::tests::emulator {

/// Work at the end of a stream. What it throws comes out of the call that waits.
void enqueue(cudaStream_t on, std::function<void()> work);

/// The order of the streams from now on.
void shuffle(std::uint64_t seed);

/// The device's memory, none of it taken: what more is asked for is refused as CUDA does it.
void set_device_memory(std::size_t bytes);
/// The most that was taken at once since then.
std::size_t most_memory_taken();

}  // namespace nsai::tests::emulator
