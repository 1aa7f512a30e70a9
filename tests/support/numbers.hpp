#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

namespace nsai::tests {

/// Floats in [-1, 1), the same for a seed everywhere.
inline std::vector<float> noise(std::size_t count, std::uint64_t seed) {
  std::mt19937_64 random{seed};
  std::vector<float> all(count);
  for (auto& x : all)
    x = static_cast<float>(random() >> 40U) / 8388608.0F - 1.0F;
  return all;
}

/// Cosine similarity by its definition; 0 where either is zeros.
inline double cosine(float const* a, float const* b, std::size_t n) {
  double ab = 0;
  double aa = 0;
  double bb = 0;
  for (std::size_t i = 0; i < n; ++i) {
    ab += static_cast<double>(a[i]) * b[i];
    aa += static_cast<double>(a[i]) * a[i];
    bb += static_cast<double>(b[i]) * b[i];
  }
  return aa > 0 && bb > 0 ? ab / std::sqrt(aa * bb) : 0;
}

}  // namespace nsai::tests
