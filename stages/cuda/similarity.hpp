#pragma once

#include <array>

#include "stages/cuda/cublas.hpp"
#include "stages/cuda/owners.hpp"

namespace nsai::stages::cuda {

/// Cosine similarity as matrix products of tiles, each tile's scores merged into the best k at
/// once. The GPU holds a block of queries, two tiles of the corpus (one is copied while the other
/// is worked on) and one tile of scores, whatever the sizes.
class similarity_search {
 public:
  static constexpr std::size_t query_tile = 4096;
  static constexpr std::size_t corpus_tile = 16384;

  /// `blas` works on the same stream.
  similarity_search(stream const& work, cublas& blas, std::size_t columns, precision p);

  neighbours run(matrix_view queries, matrix_view corpus, std::size_t k,
                 compute_hooks const& hooks);

  /// The inner part, for measurements too: queries and corpus lie on the device and have rows of
  /// length 1; best scores and indices are queries × k there. `scores` has room for a tile.
  struct resident {
    float const* queries = nullptr;
    std::size_t query_rows = 0;
    float const* corpus = nullptr;
    std::size_t corpus_rows = 0;
    std::uint32_t first = 0;  // number of the corpus's first row
    float* best_scores = nullptr;
    std::uint32_t* best_indices = nullptr;
    std::size_t k = 0;
    std::size_t found = 0;  // of each query before
  };
  void merge_tile(resident const& r, float* scores);

 private:
  void search_block(matrix_view queries, matrix_view corpus, neighbours& to, std::size_t first,
                    compute_hooks const& hooks, double done, double part);

  stream const& work_;
  stream copies_;
  cublas& blas_;
  std::size_t columns_;
  precision precision_;
};

}  // namespace nsai::stages::cuda
