#include <algorithm>
#include <cfloat>
#include <cmath>

#include "stages/cuda/kernels.hpp"
#include "stages/cuda/launch.hpp"

namespace nsai::stages::cuda {
namespace {

constexpr unsigned threads = 256;
constexpr unsigned per_thread = 16;  // floats of a row that a thread looks at in one step
constexpr unsigned step = threads * per_thread;
constexpr std::uint32_t nobody = 0xffffffffU;
constexpr float nothing_yet = -INFINITY;  // below every score

/// What is no number counts as the worst score.
__device__ float as_score(float x) {
  return x >= -FLT_MAX ? x : -FLT_MAX;
}

__global__ void normalise(float* matrix, std::size_t rows, std::size_t columns) {
  std::size_t const row = blockIdx.x * (blockDim.x / 32) + threadIdx.x / 32;
  if (row >= rows)
    return;
  float* const values = matrix + row * columns;
  float sum = 0;
  for (std::size_t i = threadIdx.x % 32; i < columns; i += 32)
    sum += values[i] * values[i];
  for (int apart = 16; apart > 0; apart /= 2)
    sum += __shfl_xor_sync(0xffffffffU, sum, apart);
  float const length = sqrtf(sum);
  if (length > 0)
    for (std::size_t i = threadIdx.x % 32; i < columns; i += 32)
      values[i] /= length;
}

__device__ bool better(float a, std::uint32_t ai, float b, std::uint32_t bi) {
  return a > b || (a == b && ai < bi);
}

/// Candidates of one row in shared memory: after `sort`, the best come first.
struct candidates {
  float* scores;
  std::uint32_t* indices;
  unsigned capacity;  // a power of two

  /// Bitonic; the whole block takes part. What lies behind `filled` counts as worst.
  __device__ void sort(unsigned filled) {
    unsigned size = 2;
    while (size < filled)
      size *= 2;
    for (unsigned i = filled + threadIdx.x; i < size; i += threads) {
      scores[i] = -FLT_MAX;
      indices[i] = nobody;
    }
    __syncthreads();
    for (unsigned length = 2; length <= size; length *= 2)
      for (unsigned apart = length / 2; apart > 0; apart /= 2) {
        for (unsigned pair = threadIdx.x; pair < size / 2; pair += threads) {
          unsigned const low = 2 * pair - (pair & (apart - 1));
          unsigned const high = low + apart;
          bool const falling = (low & length) == 0;
          if (better(scores[high], indices[high], scores[low], indices[low]) == falling) {
            float const s = scores[low];
            scores[low] = scores[high];
            scores[high] = s;
            std::uint32_t const n = indices[low];
            indices[low] = indices[high];
            indices[high] = n;
          }
        }
        __syncthreads();
      }
  }
};

/// One block a row. Scores above the row's k-th best so far are rare after the first few thousand:
/// a step in which nobody has one costs its loads and one barrier.
__global__ void __launch_bounds__(threads)
    merge(float const* tile, std::size_t columns, std::uint32_t first, float* best_scores,
          std::uint32_t* best_indices, unsigned k, unsigned found, unsigned capacity) {
  __shared__ unsigned filled;
  float* const memory = dynamic_shared<float>();
  candidates kept{memory, reinterpret_cast<std::uint32_t*>(memory + capacity), capacity};
  float const* const row = tile + blockIdx.x * columns;
  float* const row_scores = best_scores + static_cast<std::size_t>(blockIdx.x) * k;
  std::uint32_t* const row_indices = best_indices + static_cast<std::size_t>(blockIdx.x) * k;
  for (unsigned i = threadIdx.x; i < found; i += threads) {
    kept.scores[i] = row_scores[i];
    kept.indices[i] = row_indices[i];
  }
  if (threadIdx.x == 0)
    filled = found;
  __syncthreads();
  float bar = found == k ? kept.scores[k - 1] : nothing_yet;
  std::uint32_t bar_index = found == k ? kept.indices[k - 1] : nobody;
  bool sorted = true;  // the first `filled` are sorted

  // Called by all threads after a barrier that follows the last push. What it needs of `filled` is
  // read before the last barrier: behind it a thread may push again.
  auto const trim = [&] {
    unsigned const before = filled;
    unsigned const left = min(before, k);
    kept.sort(before);
    if (threadIdx.x == 0)
      filled = left;
    __syncthreads();
    if (left == k) {
      bar = kept.scores[k - 1];
      bar_index = kept.indices[k - 1];
    }
    sorted = true;
  };
  auto const push = [&](float score, std::uint32_t index) {
    unsigned const at = atomicAdd(&filled, 1U);
    kept.scores[at] = score;
    kept.indices[at] = index;
  };

  // Rows whose length is no multiple of 4 begin at addresses that loads of 16 bytes do not take.
  bool const wide = columns % 4 == 0;
  for (std::size_t base = 0; base < columns; base += step) {
    float seen[per_thread];
    unsigned above = 0;
#pragma unroll
    for (unsigned i = 0; i < per_thread; i += 4) {
      std::size_t const at = base + (i / 4) * (4 * threads) + threadIdx.x * 4;
      if (wide && at + 4 <= columns) {
        float4 const four = __ldcs(reinterpret_cast<float4 const*>(row + at));
        seen[i] = as_score(four.x);
        seen[i + 1] = as_score(four.y);
        seen[i + 2] = as_score(four.z);
        seen[i + 3] = as_score(four.w);
      } else {
#pragma unroll
        for (unsigned j = 0; j < 4; ++j)
          seen[i + j] = at + j < columns ? as_score(row[at + j]) : nothing_yet;
      }
#pragma unroll
      for (unsigned j = 0; j < 4; ++j)
        above += seen[i + j] > bar ? 1 : 0;
    }
    if (!__syncthreads_or(above != 0))
      continue;
    // How many there are in all decides whether they fit at once.
    __shared__ unsigned wanted;
    if (threadIdx.x == 0)
      wanted = 0;
    __syncthreads();
    if (above != 0)
      atomicAdd(&wanted, above);
    __syncthreads();
    bool const fits = filled + wanted <= capacity;
    bool const improves = filled > k;
    __syncthreads();
    if (!fits && improves)
      trim();
#pragma unroll
    for (unsigned i = 0; i < per_thread; ++i) {
      // `capacity` is at least k + threads: after a trim, one of each thread fits.
      std::size_t const at = base + (i / 4) * (4 * threads) + threadIdx.x * 4 + i % 4;
      if (!fits) {
        bool const full = filled + threads > capacity;
        __syncthreads();
        if (full)
          trim();
      }
      // The bar may stem from this step, from a column behind this one.
      auto const index = first + static_cast<std::uint32_t>(at);
      if (at < columns && better(seen[i], index, bar, bar_index))
        push(seen[i], index);
      if (!fits)
        __syncthreads();
    }
    __syncthreads();
    sorted = false;
    bool const first_bar = filled > k && bar == nothing_yet;
    __syncthreads();
    if (first_bar)
      trim();
  }
  if (!sorted)
    trim();
  unsigned const count = min(filled, k);
  for (unsigned i = threadIdx.x; i < count; i += threads) {
    row_scores[i] = kept.scores[i];
    row_indices[i] = kept.indices[i];
  }
}

unsigned capacity_for(std::size_t k) {
  unsigned capacity = 512;
  while (capacity < k + threads)
    capacity *= 2;
  return capacity;
}

}  // namespace

void normalise_rows(device_matrix<float> matrix, stream const& on) {
  if (matrix.rows() == 0)
    return;
  launch("the kernel that normalises rows", normalise,
         {static_cast<unsigned>((matrix.rows() + 7) / 8), 256}, on, matrix.data(), matrix.rows(),
         matrix.columns());
}

void merge_best(device_matrix<float const> tile, std::uint32_t first, best_so_far const& best,
                stream const& on) {
  if (tile.rows() == 0)
    return;
  auto const k = static_cast<unsigned>(best.scores.columns());
  unsigned const capacity = capacity_for(k);
  launch("the kernel that keeps the best", merge,
         {static_cast<unsigned>(tile.rows()), threads, capacity * 8}, on, tile.data(),
         tile.columns(), first, best.scores.data(), best.indices.data(), k,
         static_cast<unsigned>(best.found), capacity);
}

}  // namespace nsai::stages::cuda
