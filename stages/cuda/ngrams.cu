#include "stages/cuda/kernels.hpp"
#include "stages/cuda/launch.hpp"
#include "stages/ngram_hash.hpp"

namespace nsai::stages::cuda {
namespace {

/// One block a text: each thread begins at bytes of its own. Additions of +1 and -1 are exact, so
/// their order does not show.
__global__ void hash(char const* bytes, std::uint64_t const* begins, std::uint32_t buckets,
                     std::uint32_t longest, float* to) {
  std::uint64_t const begin = begins[blockIdx.x];
  auto const length = static_cast<std::uint32_t>(begins[blockIdx.x + 1] - begin);
  float* const row = to + static_cast<std::size_t>(blockIdx.x) * buckets;
  for (std::uint32_t at = threadIdx.x; at < length; at += blockDim.x)
    ngrams_from(bytes + begin, length, at, longest,
                [&](std::uint32_t h) { atomicAdd(row + (h & (buckets - 1)), sign_of(h)); });
}

}  // namespace

void hash_ngrams(device_span<char const> bytes, device_span<std::uint64_t const> begins,
                 std::uint32_t longest, device_matrix<float> to, stream const& on) {
  if (to.rows() == 0)
    return;
  check(cudaMemsetAsync(to.data(), 0, to.size() * sizeof(float), on.get()), "memory for features");
  launch("the kernel of n-grams", hash, {static_cast<unsigned>(to.rows()), 128}, on, bytes.data(),
         begins.data(), static_cast<std::uint32_t>(to.columns()), longest, to.data());
  normalise_rows(to, on);
}

}  // namespace nsai::stages::cuda
