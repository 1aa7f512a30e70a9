#include "stages/cuda/one_gpu.hpp"

#include <algorithm>

#include "stages/cuda/gpu_trainer.hpp"
#include "stages/cuda/kernels.hpp"
#include "stages/cuda/rates.hpp"
#include "stages/cuda/room.hpp"
#include "stages/cuda/similarity.hpp"

namespace nsai::stages::cuda {

one_gpu::one_gpu(int number) : number_(number) {
  use();
  check(cudaFree(nullptr), "a context on the GPU");
  cudaDeviceProp properties{};
  check(cudaGetDeviceProperties(&properties, number), "the GPU's properties");
  name_ = properties.name;
  work_.emplace();
}

/// The device is the thread's: what it does from now on it does there.
void one_gpu::use() const {
  check(cudaSetDevice(number_), "the GPU");
}

void one_gpu::touch() {
  use();
  launch_nothing(*work_);
  work_->wait("an empty kernel");
}

neighbours one_gpu::most_similar(matrix_view queries, matrix_view corpus, std::size_t k,
                                 precision p, compute_hooks const& hooks) {
  check_similarity(queries, corpus, k);
  use();
  if (!blas_)
    blas_.emplace(*work_);
  return similarity_search{*work_, *blas_, p}.run(queries, corpus, k, room_for_data(limit_), hooks);
}

std::vector<float> one_gpu::distances(matrix_view points, compute_hooks const& hooks) {
  std::vector<float> all(points.rows * points.rows);
  distance_rows(points, 0, all, hooks);
  return all;
}

/// In bands of rows, so that only the result has to fit into the machine's memory and a band into
/// the GPU's.
void one_gpu::distance_rows(matrix_view points, std::size_t first, std::span<float> to,
                            compute_hooks const& hooks) {
  constexpr std::size_t most_floats = 256 * 1024 * 1024;
  auto const n = points.rows;
  auto const size = n * points.columns;
  if (n == 0 || to.empty())
    return;
  use();
  auto const stride = (n + 3) / 4 * 4;
  auto const rows = to.size() / n;
  auto const room = room_for_data(limit_) / sizeof(float);
  auto const floats = std::min(most_floats, room - std::min(room, size));
  auto const fit = std::max<std::size_t>(1, floats / stride);
  auto const band = std::min(rows, fit < distance_tile ? fit : fit / distance_tile * distance_tile);
  device_buffer<float> from(std::max<std::size_t>(1, size));
  device_buffer<float> there(band * stride);
  upload({points.data, size}, from.all(), *work_, "the points");
  for (std::size_t at = 0; at < rows; at += band) {
    tell_progress(hooks, static_cast<double>(at) / static_cast<double>(rows));
    auto const count = std::min(band, rows - at);
    euclidean_distances(from.as_rows(n, points.columns), first + at, there.as_rows(count, stride),
                        *work_);
    check(cudaMemcpy2DAsync(to.data() + at * n, n * sizeof(float), there.all().data(),
                            stride * sizeof(float), n * sizeof(float), count,
                            cudaMemcpyDeviceToHost, work_->get()),
          "the distances");
    work_->wait("the distances");
  }
}

std::vector<float> one_gpu::hashed_ngrams(std::span<std::string_view const> texts,
                                          ngram_shape shape, compute_hooks const& hooks) {
  check_ngrams(texts, shape);
  use();
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

std::unique_ptr<trainer> one_gpu::train(network_state from, examples const& on) {
  use();
  return make_gpu_trainer(std::move(from), on, room_for_data(limit_));
}

device_rates one_gpu::rates(compute_hooks const& hooks) {
  use();
  auto found = measure_rates(*work_, room_for_data(limit_), hooks);
  found.device = name_;
  return found;
}

}  // namespace nsai::stages::cuda
