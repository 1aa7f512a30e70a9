#include "stages/cuda/similarity.hpp"

#include <algorithm>

#include "stages/cuda/kernels.hpp"

namespace nsai::stages::cuda {
namespace {

/// Of a block's queries and their best; much is left for the rest and for other processes.
std::size_t rows_of_a_block(std::size_t bytes_per_row) {
  std::size_t free = 0;
  std::size_t total = 0;
  check(cudaMemGetInfo(&free, &total), "the GPU's free memory");
  auto const fit = std::max<std::size_t>(1, free / 4 / bytes_per_row);
  return std::min<std::size_t>(fit, 65'536);
}

}  // namespace

similarity_search::similarity_search(stream const& work, cublas& blas, std::size_t columns,
                                     precision p)
    : work_(work), blas_(blas), columns_(columns), precision_(p) {}

neighbours similarity_search::run(matrix_view queries, matrix_view corpus, std::size_t k,
                                  compute_hooks const& hooks) {
  neighbours all;
  all.k = std::min(k, corpus.rows);
  all.scores.resize(queries.rows * all.k);
  all.indices.resize(queries.rows * all.k);
  auto const rows = rows_of_a_block(columns_ * sizeof(float) + all.k * 8);
  auto const total = static_cast<double>(queries.rows);
  for (std::size_t first = 0; first < queries.rows; first += rows) {
    auto const count = std::min(rows, queries.rows - first);
    search_block({queries.row(first), count, columns_}, corpus, all, first, hooks,
                 static_cast<double>(first) / total, static_cast<double>(count) / total);
  }
  return all;
}

void similarity_search::search_block(matrix_view queries, matrix_view corpus, neighbours& to,
                                     std::size_t first, compute_hooks const& hooks, double done,
                                     double part) {
  // Wide rows make smaller tiles: a GiB at most, in multiples of 4 rows.
  constexpr std::size_t most_floats = 256 * 1024 * 1024;
  auto const fits = std::max<std::size_t>(4, most_floats / columns_ / 4 * 4);
  auto const tile = std::min({corpus_tile, corpus.rows, fits});
  device_buffer<float> q(queries.rows * columns_);
  std::array<device_buffer<float>, 2> tiles{device_buffer<float>(tile * columns_),
                                            device_buffer<float>(tile * columns_)};
  device_buffer<float> scores(std::min(query_tile, queries.rows) * tile);
  device_buffer<float> best_scores(queries.rows * to.k);
  device_buffer<std::uint32_t> best_indices(queries.rows * to.k);
  std::array<event, 2> copied;
  std::array<event, 2> used;

  q.upload({queries.data, queries.rows * columns_}, work_, "the queries");
  normalise_rows(q.data(), queries.rows, columns_, work_);
  for (std::size_t at = 0, number = 0; at < corpus.rows; at += tile, ++number) {
    tell_progress(hooks, done + part * static_cast<double>(at) / static_cast<double>(corpus.rows));
    auto const rows = std::min(tile, corpus.rows - at);
    auto const turn = number % 2;
    used[turn].hold_back(copies_);
    tiles[turn].upload({corpus.row(at), rows * columns_}, copies_, "a tile of the corpus");
    copied[turn].record(copies_);
    copied[turn].hold_back(work_);
    normalise_rows(tiles[turn].data(), rows, columns_, work_);
    merge_tile({q.data(), queries.rows, tiles[turn].data(), rows, static_cast<std::uint32_t>(at),
                best_scores.data(), best_indices.data(), to.k, std::min(at, to.k)},
               scores.data());
    used[turn].record(work_);
  }
  best_scores.download({to.scores.data() + first * to.k, queries.rows * to.k}, work_,
                       "the best scores");
  best_indices.download({to.indices.data() + first * to.k, queries.rows * to.k}, work_,
                        "the best scores");
}

void similarity_search::merge_tile(resident const& r, float* scores) {
  for (std::size_t at = 0; at < r.query_rows; at += query_tile) {
    auto const rows = std::min(query_tile, r.query_rows - at);
    blas_.multiply({rows, columns_, r.corpus_rows, cublas::side::as_it_is, cublas::side::turned, 0,
                    precision_},
                   r.queries + at * columns_, r.corpus, scores);
    merge_best(scores, rows, r.corpus_rows, r.first,
               {r.best_scores + at * r.k, r.best_indices + at * r.k, r.k, r.found}, work_);
  }
}

}  // namespace nsai::stages::cuda
