#pragma once

#include <cstddef>
#include <cstdint>

#include "stages/adam.hpp"
#include "stages/compute.hpp"
#include "stages/cuda/owners.hpp"

/// The kernels, as functions that put their work onto a stream and return. A launch that fails
/// throws `error`.
namespace nsai::stages::cuda {

// similarity.cu

/// Rows get length 1; rows of zeros stay.
void normalise_rows(device_matrix<float> matrix, stream const& on);

/// Merges a tile of scores (of corpus rows from `first` on) into the best k of each row: both
/// matrices are tile.rows() × k, and `found` of each row are filled already.
struct best_so_far {
  device_matrix<float> scores;
  device_matrix<std::uint32_t> indices;
  std::size_t found = 0;

  best_so_far band(std::size_t row, std::size_t count) const {
    return {scores.band(row, count), indices.band(row, count), found};
  }
};
void merge_best(device_matrix<float const> tile, std::uint32_t first, best_so_far const& best,
                stream const& on);

// distances.cu

/// Rows first_row.. of the distance matrix of all points, as many as `to` has. Its columns are a
/// multiple of 4, at least points.rows(): what is behind the distances is written, too, and means
/// nothing. Rows are best taken in multiples of `distance_tile`.
inline constexpr std::size_t distance_tile = 128;
void euclidean_distances(device_matrix<float const> points, std::size_t first_row,
                         device_matrix<float> to, stream const& on);

// ngrams.cu

/// Text t is bytes[begins[t] .. begins[t + 1]), and row t of `to` has a column a bucket.
void hash_ngrams(device_span<char const> bytes, device_span<std::uint64_t const> begins,
                 std::uint32_t longest, device_matrix<float> to, stream const& on);

// training.cu

/// Rows of a matrix, and their labels, in the order of `rows`.
void gather(device_matrix<float const> from, device_span<std::uint32_t const> labels,
            device_span<std::uint32_t const> rows, device_matrix<float> to,
            device_span<std::uint32_t> labels_to, stream const& on);

void fill_rows(device_span<float const> row, device_matrix<float> to, stream const& on);
void clip_below_zero(device_span<float> values, stream const& on);
/// slopes becomes 0 where `activations` is not above 0.
void pass_where_active(device_span<float const> activations, device_span<float> slopes,
                       stream const& on);
/// Softmax, its mean cross-entropy's slopes in place of the logits, and each row's loss.
void cross_entropy(device_matrix<float> logits, device_span<std::uint32_t const> labels,
                   device_span<float> losses, stream const& on);
void sum_rows(device_matrix<float const> matrix, device_span<float> to, stream const& on);
void adam(adam_step step, device_span<float const> gradient, device_span<float> parameters,
          device_span<float> m, device_span<float> v, stream const& on);

// probe.cu

void launch_nothing(stream const& on);
/// Equal sizes, of a multiple of 16 bytes.
void copy_within(device_span<char const> from, device_span<char> to, stream const& on);
/// Uniform in [-1, 1): products of zeros run faster than those of data.
void fill_with_noise(device_span<float> to, std::uint32_t seed, stream const& on);
void fill_with_noise(device_span<bfloat16> to, std::uint32_t seed, stream const& on);

}  // namespace nsai::stages::cuda
