#pragma once

#include <memory>
#include <vector>

#include "stages/cuda/one_gpu.hpp"

namespace nsai::stages::cuda {

/// All GPUs of the process together: queries, points and texts are dealt out to them, and each
/// works on a thread of its own. Training and measuring take the first alone.
class several_gpus final : public compute {
 public:
  /// Numbers 0 to count - 1; the contexts of all but the first are made when they are needed.
  explicit several_gpus(int count);

  std::string device() const override;
  bool on_gpu() const override { return true; }
  void limit_memory(std::size_t bytes) override;  // on each
  void touch() override { first().touch(); }
  neighbours most_similar(matrix_view queries, matrix_view corpus, std::size_t k, precision p,
                          compute_hooks const& hooks) override;
  std::vector<float> distances(matrix_view points, compute_hooks const& hooks) override;
  std::vector<float> hashed_ngrams(std::span<std::string_view const> texts, ngram_shape shape,
                                   compute_hooks const& hooks) override;
  std::unique_ptr<trainer> train(network_state from, examples const& on) override {
    return first().train(std::move(from), on);
  }
  device_rates rates(compute_hooks const& hooks) override { return first().rates(hooks); }

 private:
  one_gpu& first() const { return *gpus_.front(); }

  /// Deals out 0 .. items - 1 in runs of a multiple of `multiple`, at most one a GPU, and waits for
  /// all. Throws what the first of them to fail has thrown; the others are stopped then.
  using part = std::function<void(one_gpu& on, std::size_t first, std::size_t count,
                                  compute_hooks const& hooks)>;
  void in_parts(std::size_t items, std::size_t multiple, compute_hooks const& hooks,
                part const& work);

  std::size_t limit_ = 0;
  std::vector<std::unique_ptr<one_gpu>> gpus_;  // null: not needed yet
};

}  // namespace nsai::stages::cuda
