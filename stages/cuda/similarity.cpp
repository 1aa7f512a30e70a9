#include "stages/cuda/similarity.hpp"

#include <algorithm>

namespace nsai::stages::cuda {

similarity_search::tiles similarity_search::tiles::within(std::size_t bytes, std::size_t columns,
                                                          std::size_t k) {
  tiles t;
  auto const corpus_bytes = [&] { return 2 * t.corpus * columns * sizeof(float); };
  auto const score_bytes = [&] { return t.queries * t.corpus * sizeof(float); };
  while (corpus_bytes() + score_bytes() > bytes / 2 && (t.corpus > 32 || t.queries > 32)) {
    // Square tiles have the most work for their memory; wide rows make the corpus the larger part.
    bool const narrower = t.corpus > t.queries || corpus_bytes() > score_bytes();
    auto& shrinks = (narrower && t.corpus > 32) || t.queries == 32 ? t.corpus : t.queries;
    shrinks /= 2;
  }
  t.block = std::clamp<std::size_t>(bytes / 2 / (columns * sizeof(float) + k * 8), 1, t.block);
  t.queries = std::min(t.queries, t.block);
  return t;
}

similarity_search::similarity_search(stream const& work, cublas& blas, precision p)
    : work_(work), blas_(blas), precision_(p) {}

neighbours similarity_search::run(matrix_view queries, matrix_view corpus, std::size_t k,
                                  std::size_t room, compute_hooks const& hooks) {
  neighbours all;
  all.k = std::min(k, corpus.rows);
  all.scores.resize(queries.rows * all.k);
  all.indices.resize(queries.rows * all.k);
  auto const t = tiles::within(room, queries.columns, all.k);
  auto const total = static_cast<double>(queries.rows);
  for (std::size_t first = 0; first < queries.rows; first += t.block) {
    auto const count = std::min(t.block, queries.rows - first);
    search_block({queries.row(first), count, queries.columns}, corpus, all.k, t,
                 std::span{all.scores}.subspan(first * all.k, count * all.k),
                 std::span{all.indices}.subspan(first * all.k, count * all.k), hooks,
                 {static_cast<double>(first) / total, static_cast<double>(count) / total});
  }
  return all;
}

void similarity_search::search_block(matrix_view queries, matrix_view corpus, std::size_t k,
                                     tiles const& t, std::span<float> scores,
                                     std::span<std::uint32_t> indices, compute_hooks const& hooks,
                                     part_of_all progress) {
  auto const columns = queries.columns;
  auto const tile = std::min(t.corpus, corpus.rows);
  device_buffer<float> q(queries.rows * columns);
  std::array<device_buffer<float>, 2> tiles{device_buffer<float>(tile * columns),
                                            device_buffer<float>(tile * columns)};
  device_buffer<float> tile_scores(std::min(t.queries, queries.rows) * tile);
  device_buffer<float> best_scores(queries.rows * k);
  device_buffer<std::uint32_t> best_indices(queries.rows * k);
  std::array<event, 2> copied;
  std::array<event, 2> used;

  auto const on_device = q.as_rows(queries.rows, columns);
  upload({queries.data, queries.rows * columns}, q.all(), work_, "the queries");
  normalise_rows(on_device, work_);
  for (std::size_t at = 0, number = 0; at < corpus.rows; at += tile, ++number) {
    tell_progress(hooks, progress.done + progress.part * static_cast<double>(at) /
                                             static_cast<double>(corpus.rows));
    auto const rows = std::min(tile, corpus.rows - at);
    auto const turn = number % 2;
    auto const there = tiles[turn].as_rows(rows, columns);
    used[turn].hold_back(copies_);
    upload({corpus.row(at), rows * columns}, there.elements(), copies_, "a tile of the corpus");
    copied[turn].record(copies_);
    copied[turn].hold_back(work_);
    normalise_rows(there, work_);
    merge_tile(on_device, there, static_cast<std::uint32_t>(at),
               {best_scores.as_rows(queries.rows, k), best_indices.as_rows(queries.rows, k),
                std::min(at, k)},
               tile_scores.all());
    used[turn].record(work_);
  }
  download<float>(best_scores.all(), scores, work_, "the best scores");
  download<std::uint32_t>(best_indices.all(), indices, work_, "the best scores");
}

void similarity_search::merge_tile(device_matrix<float const> queries,
                                   device_matrix<float const> tile, std::uint32_t first,
                                   best_so_far const& best, device_span<float> scores) {
  auto const most = scores.size() / tile.rows();
  for (std::size_t at = 0; at < queries.rows(); at += most) {
    auto const rows = std::min(most, queries.rows() - at);
    auto const products = scores.as_rows(rows, tile.rows());
    blas_.multiply(queries.band(at, rows), cublas::transposed(tile), products, 0, precision_);
    merge_best(products, first, best.band(at, rows), work_);
  }
}

}  // namespace nsai::stages::cuda
