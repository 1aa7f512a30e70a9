#include <cmath>

#include "stages/cuda/kernels.hpp"
#include "stages/cuda/launch.hpp"

namespace nsai::stages::cuda {
namespace {

constexpr unsigned tile = distance_tile;  // points of a block's rows, and of its columns
constexpr unsigned depth = 8;             // coordinates that are held at once
constexpr unsigned threads = 256;
constexpr unsigned padded = tile + 4;  // so that a warp's stores hit 32 different banks

/// Coordinates `from`.. of 128 points, turned so that a coordinate's points lie together.
__device__ void load_points(float const* points, std::size_t count, std::size_t columns,
                            std::size_t first, std::size_t from, float (&to)[depth][padded]) {
#pragma unroll
  for (unsigned i = threadIdx.x; i < depth * tile; i += threads) {
    unsigned const point = i / depth;
    unsigned const c = i % depth;
    bool const inside = first + point < count && from + c < columns;
    to[c][point] = inside ? points[(first + point) * columns + from + c] : 0.0F;
  }
}

/// To an unit in the last place; a quarter of the instructions of the exact one, which would be
/// more than the differences of a few coordinates are. 0 stays 0.
__device__ float root(float x) {
#ifdef __CUDA_ARCH__
  float r;
  asm("sqrt.approx.f32 %0, %1;" : "=f"(r) : "f"(x));
  return r;
#else
  return sqrtf(x);
#endif
}

/// A block computes 128 x 128 distances, a thread 8 x 8 of them: rows 4y.. and 64 + 4y.., columns
/// 4x.. and 64 + 4x... A warp covers 4 by 8 threads, so that it writes 128 bytes of a row together.
__global__ void __launch_bounds__(threads, 2)
    euclidean(float const* points, std::size_t count, std::size_t columns, std::size_t first_row,
              std::size_t row_end, float* to, std::size_t stride) {
  __shared__ __align__(16) float mine[depth][padded];
  __shared__ __align__(16) float theirs[depth][padded];
  unsigned const lane = threadIdx.x % 32;
  unsigned const warp = threadIdx.x / 32;
  unsigned const y = (warp / 2) * 4 + lane / 8;
  unsigned const x = (warp % 2) * 8 + lane % 8;
  std::size_t const top = first_row + static_cast<std::size_t>(blockIdx.y) * tile;
  std::size_t const left = static_cast<std::size_t>(blockIdx.x) * tile;
  float sums[8][8] = {};
  for (std::size_t from = 0; from < columns; from += depth) {
    load_points(points, count, columns, top, from, mine);
    load_points(points, count, columns, left, from, theirs);
    __syncthreads();
#pragma unroll
    for (unsigned c = 0; c < depth; ++c) {
      __align__(16) float a[8];
      __align__(16) float b[8];
#pragma unroll
      for (unsigned half = 0; half < 2; ++half) {
        *reinterpret_cast<float4*>(a + 4 * half) =
            *reinterpret_cast<float4 const*>(&mine[c][64 * half + 4 * y]);
        *reinterpret_cast<float4*>(b + 4 * half) =
            *reinterpret_cast<float4 const*>(&theirs[c][64 * half + 4 * x]);
      }
#pragma unroll
      for (unsigned i = 0; i < 8; ++i)
#pragma unroll
        for (unsigned j = 0; j < 8; ++j) {
          float const apart = a[i] - b[j];
          sums[i][j] = fmaf(apart, apart, sums[i][j]);
        }
    }
    __syncthreads();
  }
#pragma unroll
  for (unsigned i = 0; i < 8; ++i) {
    std::size_t const row = top + 64 * (i / 4) + 4 * y + i % 4;
    if (row >= row_end)
      continue;
    float* const line = to + (row - first_row) * stride;
#pragma unroll
    for (unsigned half = 0; half < 2; ++half) {
      std::size_t const column = left + 64 * half + 4 * x;
      if (column < stride)  // the stride is a multiple of 4
        __stcs(reinterpret_cast<float4*>(line + column),
               make_float4(root(sums[i][4 * half]), root(sums[i][4 * half + 1]),
                           root(sums[i][4 * half + 2]), root(sums[i][4 * half + 3])));
    }
  }
}

}  // namespace

void euclidean_distances(float const* points, std::size_t count, std::size_t columns,
                         std::size_t first_row, std::size_t row_count, float* to,
                         std::size_t stride, stream const& on) {
  if (row_count == 0)
    return;
  dim3 const grid(static_cast<unsigned>((count + tile - 1) / tile),
                  static_cast<unsigned>((row_count + tile - 1) / tile));
  launch("the kernel of distances", euclidean, {grid, threads}, on, points, count, columns,
         first_row, first_row + row_count, to, stride);
}

}  // namespace nsai::stages::cuda
