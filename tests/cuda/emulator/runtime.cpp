#include "tests/cuda/emulator/runtime.hpp"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <stdexcept>
#include <vector>

#include <cuda_runtime_api.h>

// CUDA's handles point to types that only its own runtime completes.
struct CUevent_st {
  std::uint64_t recorded = 0;  // how often it was put onto a stream
  std::uint64_t reached = 0;   // how often a stream has come by
};

struct CUstream_st {
  struct item {
    std::function<void()> work;  // null: a wait
    CUevent_st* awaited = nullptr;
    std::uint64_t until = 0;
  };
  std::deque<item> items;

  bool can_go_on() const {
    return !items.empty() &&
           (items.front().work || items.front().awaited->reached >= items.front().until);
  }
};

namespace nsai::tests::emulator {
namespace {

/// One question at a time; work that streams do in one may ask others.
std::recursive_mutex one_at_a_time;
using turn = std::lock_guard<std::recursive_mutex>;

struct machine {
  std::vector<CUstream_st*> streams;
  std::map<void*, std::size_t> memory;  // of the device
  std::size_t total = std::size_t{4} << 30U;
  std::size_t taken = 0;
  std::size_t most = 0;
  std::mt19937_64 random{1};
};

machine& the_machine() {
  static machine one;
  return one;
}

void one_step(CUstream_st& on) {
  auto item = std::move(on.items.front());
  on.items.pop_front();
  if (item.work)
    item.work();
}

/// Streams go on in turns of random length until this holds.
void go_on_until(std::function<bool()> const& over) {
  auto& m = the_machine();
  while (!over()) {
    std::vector<CUstream_st*> ready;
    for (auto* each : m.streams)
      if (each->can_go_on())
        ready.push_back(each);
    if (ready.empty())
      throw std::logic_error("streams wait for events that nothing is going to reach");
    auto& chosen = *ready[m.random() % ready.size()];
    for (auto steps = 1 + m.random() % 4; steps > 0 && chosen.can_go_on() && !over(); --steps)
      one_step(chosen);
  }
}

void go_on_until_idle() {
  go_on_until([] {
    auto const& streams = the_machine().streams;
    return std::all_of(streams.begin(), streams.end(), [](auto* s) { return s->items.empty(); });
  });
}

}  // namespace

void enqueue(cudaStream_t on, std::function<void()> work) {
  turn const mine{one_at_a_time};
  on->items.push_back({std::move(work)});
}

void shuffle(std::uint64_t seed) {
  the_machine().random.seed(seed);
}

void set_device_memory(std::size_t bytes) {
  auto& m = the_machine();
  m.total = bytes;
  m.most = m.taken;
}

std::size_t most_memory_taken() {
  return the_machine().most;
}

}  // namespace nsai::tests::emulator

namespace emulator = nsai::tests::emulator;

extern "C" {

cudaError_t cudaMalloc(void** to, std::size_t bytes) {
  emulator::turn const mine{emulator::one_at_a_time};
  auto& m = emulator::the_machine();
  if (bytes > m.total - std::min(m.total, m.taken))
    return cudaErrorMemoryAllocation;
  *to = std::malloc(bytes);
  std::memset(*to, 0xff, bytes);
  m.memory[*to] = bytes;
  m.taken += bytes;
  m.most = std::max(m.most, m.taken);
  return cudaSuccess;
}

/// Waits for all that runs, as CUDA does.
cudaError_t cudaFree(void* memory) {
  emulator::turn const mine{emulator::one_at_a_time};
  if (memory == nullptr)
    return cudaSuccess;
  auto& m = emulator::the_machine();
  auto const found = m.memory.find(memory);
  if (found == m.memory.end())
    return cudaErrorInvalidValue;
  emulator::go_on_until_idle();
  m.taken -= found->second;
  m.memory.erase(found);
  std::free(memory);
  return cudaSuccess;
}

cudaError_t cudaMallocHost(void** to, std::size_t bytes) {
  *to = std::malloc(bytes);
  return cudaSuccess;
}

cudaError_t cudaFreeHost(void* memory) {
  std::free(memory);
  return cudaSuccess;
}

cudaError_t cudaMemGetInfo(std::size_t* free, std::size_t* total) {
  emulator::turn const mine{emulator::one_at_a_time};
  auto const& m = emulator::the_machine();
  *free = m.total - std::min(m.total, m.taken);
  *total = m.total;
  return cudaSuccess;
}

cudaError_t cudaMemcpyAsync(void* to, void const* from, std::size_t bytes, cudaMemcpyKind,
                            cudaStream_t on) {
  if (bytes > 0)
    emulator::enqueue(on, [=] { std::memmove(to, from, bytes); });
  return cudaSuccess;
}

cudaError_t cudaMemcpy2DAsync(void* to, std::size_t to_pitch, void const* from,
                              std::size_t from_pitch, std::size_t width, std::size_t height,
                              cudaMemcpyKind, cudaStream_t on) {
  if (width > to_pitch || width > from_pitch)
    return cudaErrorInvalidPitchValue;
  emulator::enqueue(on, [=] {
    for (std::size_t row = 0; row < height; ++row)
      std::memcpy(static_cast<char*>(to) + row * to_pitch,
                  static_cast<char const*>(from) + row * from_pitch, width);
  });
  return cudaSuccess;
}

cudaError_t cudaMemsetAsync(void* at, int value, std::size_t bytes, cudaStream_t on) {
  emulator::enqueue(on, [=] { std::memset(at, value, bytes); });
  return cudaSuccess;
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* to, unsigned) {
  emulator::turn const mine{emulator::one_at_a_time};
  *to = new CUstream_st;
  emulator::the_machine().streams.push_back(*to);
  return cudaSuccess;
}

/// What was begun goes on: here it is brought to its end.
cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  emulator::turn const mine{emulator::one_at_a_time};
  emulator::go_on_until([stream] { return stream->items.empty(); });
  auto& all = emulator::the_machine().streams;
  all.erase(std::remove(all.begin(), all.end(), stream), all.end());
  delete stream;
  return cudaSuccess;
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  emulator::turn const mine{emulator::one_at_a_time};
  emulator::go_on_until([stream] { return stream->items.empty(); });
  return cudaSuccess;
}

cudaError_t cudaDeviceSynchronize() {
  emulator::turn const mine{emulator::one_at_a_time};
  emulator::go_on_until_idle();
  return cudaSuccess;
}

cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned) {
  emulator::turn const mine{emulator::one_at_a_time};
  if (event->recorded > 0)
    stream->items.push_back({nullptr, event, event->recorded});
  return cudaSuccess;
}

cudaError_t cudaEventCreate(cudaEvent_t* to) {
  *to = new CUevent_st;
  return cudaSuccess;
}

/// Streams may wait for it still.
cudaError_t cudaEventDestroy(cudaEvent_t event) {
  emulator::turn const mine{emulator::one_at_a_time};
  emulator::go_on_until_idle();
  delete event;
  return cudaSuccess;
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  emulator::turn const mine{emulator::one_at_a_time};
  emulator::enqueue(stream, [event, time = ++event->recorded] { event->reached = time; });
  return cudaSuccess;
}

cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  emulator::turn const mine{emulator::one_at_a_time};
  emulator::go_on_until([event] { return event->reached == event->recorded; });
  return cudaSuccess;
}

/// There is no clock: time is nothing that this shows.
cudaError_t cudaEventElapsedTime(float* ms, cudaEvent_t, cudaEvent_t) {
  *ms = 1;
  return cudaSuccess;
}

cudaError_t cudaSetDevice(int device) {
  return device >= 0 && device < 8 ? cudaSuccess : cudaErrorInvalidDevice;
}

cudaError_t cudaGetDeviceCount(int* count) {
  *count = 1;
  return cudaSuccess;
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp* to, int) {
  *to = {};
  std::strcpy(to->name, "emulated");
  return cudaSuccess;
}

cudaError_t cudaDriverGetVersion(int* version) {
  *version = CUDART_VERSION;
  return cudaSuccess;
}

cudaError_t cudaGetLastError() {
  return cudaSuccess;
}

char const* cudaGetErrorName(cudaError_t) {
  return "an error of the emulator";
}

char const* cudaGetErrorString(cudaError_t) {
  return "of its own";
}

}  // extern "C"
