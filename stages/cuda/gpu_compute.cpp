#include <algorithm>
#include <optional>

#include "stages/cuda/gpu_trainer.hpp"
#include "stages/cuda/kernels.hpp"
#include "stages/cuda/rates.hpp"
#include "stages/cuda/room.hpp"
#include "stages/cuda/similarity.hpp"
#include "stages/gpu.hpp"

namespace nsai::stages {
namespace {

using namespace cuda;

class gpu final : public compute {
 public:
  gpu() {
    check(cudaSetDevice(0), "the GPU");
    check(cudaFree(nullptr), "a context on the GPU");
    cudaDeviceProp properties{};
    check(cudaGetDeviceProperties(&properties, 0), "the GPU's properties");
    name_ = properties.name;
    work_.emplace();
  }

  std::string device() const override { return name_; }
  bool on_gpu() const override { return true; }
  void limit_memory(std::size_t bytes) override { limit_ = bytes; }

  void touch() override {
    launch_nothing(*work_);
    work_->wait("an empty kernel");
  }

  neighbours most_similar(matrix_view queries, matrix_view corpus, std::size_t k, precision p,
                          compute_hooks const& hooks) override {
    check_similarity(queries, corpus, k);
    if (!blas_)
      blas_.emplace(*work_);
    return similarity_search{*work_, *blas_, p}.run(queries, corpus, k, room_for_data(limit_),
                                                    hooks);
  }

  /// In bands of rows, so that only the result has to fit into the machine's memory and a band
  /// into the GPU's.
  std::vector<float> distances(matrix_view points, compute_hooks const& hooks) override {
    constexpr std::size_t most_floats = 256 * 1024 * 1024;
    auto const n = points.rows;
    auto const size = n * points.columns;
    std::vector<float> all(n * n);
    if (n == 0)
      return all;
    auto const stride = (n + 3) / 4 * 4;
    auto const room = room_for_data(limit_) / sizeof(float);
    auto const floats = std::min(most_floats, room - std::min(room, size));
    auto const band =
        std::min(n, std::max<std::size_t>(1, floats / stride / distance_tile) * distance_tile);
    device_buffer<float> from(std::max<std::size_t>(1, size));
    device_buffer<float> to(band * stride);
    upload({points.data, size}, from.all(), *work_, "the points");
    for (std::size_t first = 0; first < n; first += band) {
      tell_progress(hooks, static_cast<double>(first) / static_cast<double>(n));
      auto const rows = std::min(band, n - first);
      euclidean_distances(from.as_rows(n, points.columns), first, to.as_rows(rows, stride), *work_);
      check(cudaMemcpy2DAsync(all.data() + first * n, n * sizeof(float), to.all().data(),
                              stride * sizeof(float), n * sizeof(float), rows,
                              cudaMemcpyDeviceToHost, work_->get()),
            "the distances");
      work_->wait("the distances");
    }
    return all;
  }

  std::vector<float> hashed_ngrams(std::span<std::string_view const> texts, ngram_shape shape,
                                   compute_hooks const& hooks) override {
    check_ngrams(texts, shape);
    auto const room = room_for_data(limit_);
    auto const most_floats = std::min<std::size_t>(128 * 1024 * 1024, room / 2 / sizeof(float));
    auto const most_bytes = std::min<std::size_t>(1024 * 1024 * 1024, room / 4);
    std::vector<float> all(texts.size() * shape.buckets);
    auto const most_rows = std::max<std::size_t>(1, most_floats / shape.buckets);
    for (std::size_t first = 0; first < texts.size();) {
      tell_progress(hooks, static_cast<double>(first) / static_cast<double>(texts.size()));
      std::string bytes;
      std::vector<std::uint64_t> begins{0};
      std::size_t count = 0;
      for (; first + count < texts.size() && count < most_rows && bytes.size() < most_bytes;
           ++count) {
        bytes += texts[first + count];
        begins.push_back(bytes.size());
      }
      device_buffer<char> bytes_there(std::max<std::size_t>(1, bytes.size()));
      device_buffer<std::uint64_t> begins_there(begins.size());
      device_buffer<float> to(count * shape.buckets);
      upload<char>(bytes, bytes_there.first(bytes.size()), *work_, "the texts");
      upload<std::uint64_t>(begins, begins_there.all(), *work_, "the texts");
      hash_ngrams(bytes_there.all(), begins_there.all(), shape.longest,
                  to.as_rows(count, shape.buckets), *work_);
      download<float>(to.all(), {all.data() + first * shape.buckets, count * shape.buckets}, *work_,
                      "the features");
      first += count;
    }
    return all;
  }

  std::unique_ptr<trainer> train(network_state from, examples const& on) override {
    return make_gpu_trainer(std::move(from), on, room_for_data(limit_));
  }

  device_rates rates(compute_hooks const& hooks) override {
    auto found = measure_rates(*work_, room_for_data(limit_), hooks);
    found.device = name_;
    return found;
  }

 private:
  std::string name_;
  std::size_t limit_ = 0;
  std::optional<stream> work_;  // made when the context is there
  std::optional<cublas> blas_;  // made for the first product
};

}  // namespace

compute& gpu_compute() {
  try {
    // Never destroyed: CUDA's own statics may be gone by then.
    static auto* const one = new gpu;
    return *one;
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
