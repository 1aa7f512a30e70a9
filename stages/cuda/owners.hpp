#pragma once

#include <cstddef>
#include <span>
#include <utility>
#include <vector>

#include <cuda_runtime_api.h>

#include "stages/cuda/errors.hpp"
#include "stages/cuda/views.hpp"

/// Who holds what of CUDA: one owner a kind of handle. Owners move and do not copy; what they hold
/// ends with them. A failed release is left alone: its cause was told by the call before it.
namespace nsai::stages::cuda {

class stream {
 public:
  stream() { check(cudaStreamCreateWithFlags(&handle_, cudaStreamNonBlocking), "a stream"); }
  ~stream() {
    if (handle_ != nullptr)
      cudaStreamDestroy(handle_);
  }
  stream(stream&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  stream& operator=(stream&&) = delete;

  cudaStream_t get() const { return handle_; }
  void wait(char const* what) const { check(cudaStreamSynchronize(handle_), what); }

 private:
  cudaStream_t handle_ = nullptr;
};

class event {
 public:
  event() { check(cudaEventCreate(&handle_), "an event"); }
  ~event() { cudaEventDestroy(handle_); }
  event(event const&) = delete;
  event& operator=(event const&) = delete;

  void record(stream const& on) { check(cudaEventRecord(handle_, on.get()), "an event"); }
  /// What `on` gets from now on waits for what was recorded; nothing recorded: for nothing.
  void hold_back(stream const& on) const {
    check(cudaStreamWaitEvent(on.get(), handle_, 0), "an event");
  }
  /// Both must have been recorded; waits for this one.
  double ms_since(event const& earlier) const {
    float ms = 0;
    check(cudaEventSynchronize(handle_), "an event");
    check(cudaEventElapsedTime(&ms, earlier.handle_, handle_), "the time between events");
    return ms;
  }

 private:
  cudaEvent_t handle_ = nullptr;
};

template <class T>
class device_buffer {
 public:
  device_buffer() = default;
  explicit device_buffer(std::size_t size) {
    void* memory = nullptr;
    if (size > 0)
      check(cudaMalloc(&memory, size * sizeof(T)), "memory on the GPU");
    all_ = {static_cast<T*>(memory), size};
  }
  ~device_buffer() {
    if (all_.data() != nullptr)
      cudaFree(all_.data());
  }
  device_buffer(device_buffer&& other) noexcept : all_(std::exchange(other.all_, {})) {}
  device_buffer& operator=(device_buffer&& other) noexcept {
    std::swap(all_, other.all_);
    return *this;
  }

  device_span<T> all() const { return all_; }
  device_span<T> first(std::size_t count) const { return all_.part(0, count); }
  device_matrix<T> as_rows(std::size_t rows, std::size_t columns) const {
    return all_.as_rows(rows, columns);
  }

 private:
  device_span<T> all_;
};

/// Both are of one size. `from` must stay as it is until the stream has come by.
template <class T>
void upload(std::span<T const> from, device_span<T> to, stream const& on, char const* what) {
  check(
      cudaMemcpyAsync(to.data(), from.data(), from.size_bytes(), cudaMemcpyHostToDevice, on.get()),
      what);
}
/// Both are of one size. Waits for the stream.
template <class T>
void download(device_span<T const> from, std::span<T> to, stream const& on, char const* what) {
  check(cudaMemcpyAsync(to.data(), from.data(), to.size_bytes(), cudaMemcpyDeviceToHost, on.get()),
        what);
  on.wait(what);
}

/// Memory of the machine that the device copies to and from by itself.
template <class T>
class pinned_buffer {
 public:
  explicit pinned_buffer(std::size_t size) : size_(size) {
    void* memory = nullptr;
    check(cudaMallocHost(&memory, size * sizeof(T)), "pinned memory");
    data_ = static_cast<T*>(memory);
  }
  ~pinned_buffer() { cudaFreeHost(data_); }
  pinned_buffer(pinned_buffer const&) = delete;
  pinned_buffer& operator=(pinned_buffer const&) = delete;

  std::span<T> span() const { return {data_, size_}; }

 private:
  T* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace nsai::stages::cuda
