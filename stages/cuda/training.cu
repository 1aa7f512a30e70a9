#include <algorithm>
#include <cmath>

#include "stages/cuda/kernels.hpp"
#include "stages/cuda/launch.hpp"

namespace nsai::stages::cuda {
namespace {

constexpr unsigned threads = 256;

unsigned blocks_for(std::size_t count) {
  return static_cast<unsigned>(std::min<std::size_t>((count + threads - 1) / threads, 65'535));
}

__device__ std::size_t first_index() {
  return static_cast<std::size_t>(blockIdx.x) * blockDim.x + threadIdx.x;
}
__device__ std::size_t index_step() {
  return static_cast<std::size_t>(gridDim.x) * blockDim.x;
}

__global__ void gather_rows(float const* from, std::uint32_t const* labels,
                            std::uint32_t const* rows, std::size_t count, std::size_t columns,
                            float* to, std::uint32_t* labels_to) {
  for (std::size_t i = first_index(); i < count * columns; i += index_step())
    to[i] = from[rows[i / columns] * columns + i % columns];
  for (std::size_t r = first_index(); r < count; r += index_step())
    labels_to[r] = labels[rows[r]];
}

__global__ void fill(float const* row, float* to, std::size_t count, std::size_t columns) {
  for (std::size_t i = first_index(); i < count; i += index_step())
    to[i] = row[i % columns];
}

__global__ void clip(float* values, std::size_t count) {
  for (std::size_t i = first_index(); i < count; i += index_step())
    values[i] = values[i] < 0 ? 0.0F : values[i];  // keeps what is not a number, as the CPU does
}

__global__ void pass(float const* activations, float* slopes, std::size_t count) {
  for (std::size_t i = first_index(); i < count; i += index_step())
    if (!(activations[i] > 0))
      slopes[i] = 0;
}

/// One thread a row: classes are few.
__global__ void soft_cross_entropy(float* logits, std::uint32_t const* labels, float* losses,
                                   std::size_t rows, std::size_t classes) {
  for (std::size_t r = first_index(); r < rows; r += index_step()) {
    float* const row = logits + r * classes;
    float top = row[0];
    for (std::size_t c = 1; c < classes; ++c)
      top = fmaxf(top, row[c]);
    float sum = 0;
    for (std::size_t c = 0; c < classes; ++c)
      sum += expf(row[c] - top);
    losses[r] = logf(sum) + top - row[labels[r]];
    for (std::size_t c = 0; c < classes; ++c)
      row[c] =
          (expf(row[c] - top) / sum - (c == labels[r] ? 1.0F : 0.0F)) / static_cast<float>(rows);
  }
}

/// One warp by 32 columns, eight warps down the rows: loads are of whole lines, and the order of
/// the additions is the same in each run.
__global__ void column_sums(float const* matrix, float* to, std::size_t rows, std::size_t columns) {
  __shared__ float parts[8][32];
  std::size_t const column = static_cast<std::size_t>(blockIdx.x) * 32 + threadIdx.x;
  float sum = 0;
  if (column < columns)
    for (std::size_t r = threadIdx.y; r < rows; r += 8)
      sum += matrix[r * columns + column];
  parts[threadIdx.y][threadIdx.x] = sum;
  __syncthreads();
  if (threadIdx.y != 0 || column >= columns)
    return;
  for (unsigned i = 1; i < 8; ++i)
    sum += parts[i][threadIdx.x];
  to[column] = sum;
}

__global__ void adam_update(adam_step step, float const* gradient, float* parameters, float* m,
                            float* v, std::size_t count) {
  for (std::size_t i = first_index(); i < count; i += index_step())
    step.apply(gradient[i], parameters[i], m[i], v[i]);
}

}  // namespace

void gather(device_matrix<float const> from, device_span<std::uint32_t const> labels,
            device_span<std::uint32_t const> rows, device_matrix<float> to,
            device_span<std::uint32_t> labels_to, stream const& on) {
  launch("the kernel that gathers a batch", gather_rows, {blocks_for(to.size()), threads}, on,
         from.data(), labels.data(), rows.data(), rows.size(), from.columns(), to.data(),
         labels_to.data());
}

void fill_rows(device_span<float const> row, device_matrix<float> to, stream const& on) {
  launch("the kernel that sets biases", fill, {blocks_for(to.size()), threads}, on, row.data(),
         to.data(), to.size(), to.columns());
}

void clip_below_zero(device_span<float> values, stream const& on) {
  launch("the kernel of relu", clip, {blocks_for(values.size()), threads}, on, values.data(),
         values.size());
}

void pass_where_active(device_span<float const> activations, device_span<float> slopes,
                       stream const& on) {
  launch("the kernel of relu's slopes", pass, {blocks_for(slopes.size()), threads}, on,
         activations.data(), slopes.data(), slopes.size());
}

void cross_entropy(device_matrix<float> logits, device_span<std::uint32_t const> labels,
                   device_span<float> losses, stream const& on) {
  launch("the kernel of the loss", soft_cross_entropy, {blocks_for(logits.rows()), threads}, on,
         logits.data(), labels.data(), losses.data(), logits.rows(), logits.columns());
}

void sum_rows(device_matrix<float const> matrix, device_span<float> to, stream const& on) {
  launch("the kernel that sums rows", column_sums,
         {static_cast<unsigned>((matrix.columns() + 31) / 32), dim3(32, 8)}, on, matrix.data(),
         to.data(), matrix.rows(), matrix.columns());
}

void adam(adam_step step, device_span<float const> gradient, device_span<float> parameters,
          device_span<float> m, device_span<float> v, stream const& on) {
  launch("the kernel of Adam", adam_update, {blocks_for(parameters.size()), threads}, on, step,
         gradient.data(), parameters.data(), m.data(), v.data(), parameters.size());
}

}  // namespace nsai::stages::cuda
