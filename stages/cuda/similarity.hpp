#pragma once

#include <array>

#include "stages/cuda/cublas.hpp"
#include "stages/cuda/kernels.hpp"
#include "stages/cuda/owners.hpp"

namespace nsai::stages::cuda {

/// Cosine similarity as matrix products of tiles, each tile's scores merged into the best k at
/// once. The GPU holds a block of queries, two tiles of the corpus (one is copied while the other
/// is worked on) and one tile of scores, whatever the sizes.
class similarity_search {
 public:
  /// Rows of each.
  struct tiles {
    std::size_t block = 65'536;  // of queries that are on the GPU at once
    std::size_t queries = 4096;  // of a tile of scores
    std::size_t corpus = 16'384;

    /// As large as these where they fit into so many bytes.
    static tiles within(std::size_t bytes, std::size_t columns, std::size_t k);
  };

  /// `blas` works on the same stream.
  similarity_search(stream const& work, cublas& blas, precision p);

  /// `room`: bytes on the device.
  neighbours run(matrix_view queries, matrix_view corpus, std::size_t k, std::size_t room,
                 compute_hooks const& hooks);

  /// The inner part, for measurements too: queries and the tile of the corpus have rows of length
  /// 1, the tile begins with the corpus's row `first`. `scores` has room for one of tiles::queries
  /// or fewer.
  void merge_tile(device_matrix<float const> queries, device_matrix<float const> tile,
                  std::uint32_t first, best_so_far const& best, device_span<float> scores);

 private:
  struct part_of_all {
    double done = 0;
    double part = 1;
  };
  void search_block(matrix_view queries, matrix_view corpus, std::size_t k, tiles const& t,
                    std::span<float> scores, std::span<std::uint32_t> indices,
                    compute_hooks const& hooks, part_of_all progress);

  stream const& work_;
  stream copies_;
  cublas& blas_;
  precision precision_;
};

}  // namespace nsai::stages::cuda
