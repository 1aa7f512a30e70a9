#pragma once

#include <cstddef>
#include <cstdint>

#include "stages/adam.hpp"
#include "stages/cuda/owners.hpp"

/// The kernels, as functions that put their work onto a stream and return. All pointers are to the
/// device's memory; matrices are row-major. A launch that fails throws `error`.
namespace nsai::stages::cuda {

// similarity.cu

/// Rows get length 1; rows of zeros stay.
void normalise_rows(float* matrix, std::size_t rows, std::size_t columns, stream const& on);

/// Merges a tile of scores (rows × columns, of corpus rows from `first` on) into the best k of each
/// row; `found` says how many of `scores` and `indices` (rows × k) are filled already: the same for
/// all rows.
struct best_so_far {
  float* scores = nullptr;
  std::uint32_t* indices = nullptr;
  std::size_t k = 0;
  std::size_t found = 0;
};
void merge_best(float const* tile, std::size_t rows, std::size_t columns, std::uint32_t first,
                best_so_far const& best, stream const& on);

// distances.cu

/// Rows first_row.. of the distance matrix of all points (points.rows × columns): `to` has
/// `row_count` rows, `stride` floats (a multiple of 4, at least `points`) apart. `first_row` is a
/// multiple of `distance_tile`.
inline constexpr std::size_t distance_tile = 128;
void euclidean_distances(float const* points, std::size_t count, std::size_t columns,
                         std::size_t first_row, std::size_t row_count, float* to,
                         std::size_t stride, stream const& on);

// ngrams.cu

/// Text t is bytes[begins[t] .. begins[t + 1]); `to` is texts × buckets and need not be clear.
void hash_ngrams(char const* bytes, std::uint64_t const* begins, std::size_t texts,
                 std::uint32_t buckets, std::uint32_t longest, float* to, stream const& on);

// training.cu

/// Rows of a matrix, and their labels, in the order of `rows` (count of them).
void gather(float const* from, std::uint32_t const* labels, std::uint32_t const* rows,
            std::size_t count, std::size_t columns, float* to, std::uint32_t* labels_to,
            stream const& on);

void fill_rows(float const* row, float* to, std::size_t rows, std::size_t columns,
               stream const& on);
void clip_below_zero(float* values, std::size_t count, stream const& on);
/// slopes becomes 0 where `activations` is not above 0.
void pass_where_active(float const* activations, float* slopes, std::size_t count,
                       stream const& on);
/// Softmax, its mean cross-entropy's slopes in place of the logits, and each row's loss.
void cross_entropy(float* logits, std::uint32_t const* labels, float* losses, std::size_t rows,
                   std::size_t classes, stream const& on);
void sum_rows(float const* matrix, float* to, std::size_t rows, std::size_t columns,
              stream const& on);
void adam(adam_step step, float const* gradient, float* parameters, float* m, float* v,
          std::size_t count, stream const& on);

// probe.cu

void launch_nothing(stream const& on);
/// `bytes` is a multiple of 16.
void copy_within(void const* from, void* to, std::size_t bytes, stream const& on);
/// Uniform in [-1, 1): products of zeros run faster than those of data.
void fill_with_noise(float* to, std::size_t count, std::uint32_t seed, stream const& on);
void fill_with_noise_bf16(void* to, std::size_t count, std::uint32_t seed, stream const& on);

}  // namespace nsai::stages::cuda
