#include <cmath>

#include "stages/cuda/kernels.hpp"
#include "stages/cuda/launch.hpp"

namespace nsai::stages::cuda {
namespace {

constexpr unsigned tile = distance_tile;  // points of a block's rows, and of its columns
constexpr unsigned threads = 256;
constexpr unsigned padded = tile + 4;  // so that a warp's stores hit 32 different banks

/// Coordinates `from`.. of 128 points, turned so that a coordinate's points lie together. `depth`
/// is how many are held at once.
template <unsigned depth>
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
/// 4x.. and 64 + 4x... A warp covers 4 by 8 threads, so that it writes 128 bytes of a row together,
/// or 64 of a column. Of a whole matrix only the upper half is computed and written twice.
template <unsigned depth, bool whole>
__global__ void __launch_bounds__(threads, 2)
    euclidean(float const* points, std::size_t count, std::size_t columns, std::size_t first_row,
              std::size_t row_end, float* to, std::size_t stride) {
  __shared__ __align__(16) float mine[depth][padded];
  __shared__ __align__(16) float theirs[depth][padded];
  if (whole && blockIdx.x < blockIdx.y)
    return;  // the whole block, before any barrier
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
  for (unsigned i = 0; i < 8; ++i)
#pragma unroll
    for (unsigned j = 0; j < 8; ++j)
      sums[i][j] = root(sums[i][j]);
  auto const store = [&](std::size_t row, std::size_t column, float4 four) {
    if (row < row_end && column < stride)  // the stride is a multiple of 4
      __stcs(reinterpret_cast<float4*>(to + (row - first_row) * stride + column), four);
  };
#pragma unroll
  for (unsigned i = 0; i < 8; ++i)
#pragma unroll
    for (unsigned half = 0; half < 2; ++half)
      store(top + 64 * (i / 4) + 4 * y + i % 4, left + 64 * half + 4 * x,
            make_float4(sums[i][4 * half], sums[i][4 * half + 1], sums[i][4 * half + 2],
                        sums[i][4 * half + 3]));
  if constexpr (whole) {
    if (blockIdx.x == blockIdx.y)
      return;
#pragma unroll
    for (unsigned j = 0; j < 8; ++j)
#pragma unroll
      for (unsigned half = 0; half < 2; ++half)
        store(left + 64 * (j / 4) + 4 * x + j % 4, top + 64 * half + 4 * y,
              make_float4(sums[4 * half][j], sums[4 * half + 1][j], sums[4 * half + 2][j],
                          sums[4 * half + 3][j]));
  }
}

template <unsigned depth>
void launch_euclidean(device_matrix<float const> points, std::size_t first_row,
                      device_matrix<float> to, stream const& on) {
  dim3 const grid(static_cast<unsigned>((points.rows() + tile - 1) / tile),
                  static_cast<unsigned>((to.rows() + tile - 1) / tile));
  bool const whole = to.rows() == points.rows();
  launch("the kernel of distances", whole ? euclidean<depth, true> : euclidean<depth, false>,
         {grid, threads}, on, points.data(), points.rows(), points.columns(), first_row,
         first_row + to.rows(), to.data(), to.columns());
}

}  // namespace

void euclidean_distances(device_matrix<float const> points, std::size_t first_row,
                         device_matrix<float> to, stream const& on) {
  if (to.rows() == 0)
    return;
  auto const of_depth = points.columns() <= 2   ? launch_euclidean<2>
                        : points.columns() <= 4 ? launch_euclidean<4>
                                                : launch_euclidean<8>;
  of_depth(points, first_row, to, on);
}

}  // namespace nsai::stages::cuda
