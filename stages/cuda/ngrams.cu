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

void hash_ngrams(char const* bytes, std::uint64_t const* begins, std::size_t texts,
                 std::uint32_t buckets, std::uint32_t longest, float* to, stream const& on) {
  if (texts == 0)
    return;
  clear_memory(to, texts * buckets * sizeof(float), on, "memory for features");
  launch("the kernel of n-grams", hash, {static_cast<unsigned>(texts), 128}, on, bytes, begins,
         buckets, longest, to);
  normalise_rows(to, texts, buckets, on);
}

}  // namespace nsai::stages::cuda
