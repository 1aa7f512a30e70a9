#pragma once

#include <cstddef>
#include <span>
#include <utility>
#include <vector>

#include <cuda_runtime_api.h>

#include "stages/cuda/errors.hpp"

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
    data_ = static_cast<T*>(memory);
  }
  ~device_buffer() {
    if (data_ != nullptr)
      cudaFree(data_);
  }
  device_buffer(device_buffer&& other) noexcept : data_(std::exchange(other.data_, nullptr)) {}
  device_buffer& operator=(device_buffer&& other) noexcept {
    std::swap(data_, other.data_);
    return *this;
  }

  T* data() const { return data_; }

  /// `from` must stay as it is until the stream has come by.
  void upload(std::span<T const> from, stream const& on, char const* what) {
    check(cudaMemcpyAsync(data_, from.data(), from.size_bytes(), cudaMemcpyHostToDevice, on.get()),
          what);
  }
  /// Waits for the stream.
  void download(std::span<T> to, stream const& on, char const* what) const {
    check(cudaMemcpyAsync(to.data(), data_, to.size_bytes(), cudaMemcpyDeviceToHost, on.get()),
          what);
    on.wait(what);
  }

 private:
  T* data_ = nullptr;
};

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
