#pragma once

#include <optional>

#include "stages/cuda/cublas.hpp"
#include "stages/cuda/owners.hpp"

namespace nsai::stages::cuda {

/// One of the GPUs that CUDA shows this process, by its number there. Of one thread at a time.
class one_gpu final : public compute {
 public:
  /// Makes its context, which takes tenths of a second. Throws `error`.
  explicit one_gpu(int number);

  std::string device() const override { return name_; }
  bool on_gpu() const override { return true; }
  void limit_memory(std::size_t bytes) override { limit_ = bytes; }
  void touch() override;
  neighbours most_similar(matrix_view queries, matrix_view corpus, std::size_t k, precision p,
                          compute_hooks const& hooks) override;
  std::vector<float> distances(matrix_view points, compute_hooks const& hooks) override;
  std::vector<float> hashed_ngrams(std::span<std::string_view const> texts, ngram_shape shape,
                                   compute_hooks const& hooks) override;
  std::unique_ptr<trainer> train(network_state from, examples const& on) override;
  device_rates rates(compute_hooks const& hooks) override;

  /// Rows first.. of the distance matrix, as many as `to` has room for (of points.rows floats
  /// each).
  void distance_rows(matrix_view points, std::size_t first, std::span<float> to,
                     compute_hooks const& hooks);

 private:
  void use() const;

  int number_;
  std::string name_;
  std::size_t limit_ = 0;
  std::optional<stream> work_;  // made when the context is there
  std::optional<cublas> blas_;  // made for the first product
};

}  // namespace nsai::stages::cuda
