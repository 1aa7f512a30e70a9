#pragma once

#include <cstdint>

#include "stages/both_sides.hpp"

/// How texts become features: one piece of code for the CPU and for kernels.

namespace nsai::stages {

NSAI_BOTH_SIDES inline bool in_word(unsigned char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c >= 0x80;
}

NSAI_BOTH_SIDES inline std::uint32_t hash_byte(std::uint32_t hash, unsigned char c) {
  return (hash ^ (c >= 'A' && c <= 'Z' ? c + 32U : c)) * 16777619U;  // FNV-1a
}

NSAI_BOTH_SIDES inline float sign_of(std::uint32_t hash) {
  return (hash >> 31U) != 0 ? -1.0F : 1.0F;
}

/// Gives the hash of each n-gram whose first word begins at `at`; nothing when none begins there.
template <class Take>
NSAI_BOTH_SIDES void ngrams_from(char const* text, std::uint32_t length, std::uint32_t at,
                                 std::uint32_t longest, Take take) {
  auto const byte = [&](std::uint32_t i) { return static_cast<unsigned char>(text[i]); };
  if (!in_word(byte(at)) || (at > 0 && in_word(byte(at - 1))))
    return;
  std::uint32_t hash = 2166136261U;
  for (std::uint32_t words = 1; words <= longest; ++words) {
    for (; at < length && in_word(byte(at)); ++at)
      hash = hash_byte(hash, byte(at));
    take(hash);
    while (at < length && !in_word(byte(at)))
      ++at;
    if (at == length)
      return;
    hash = hash_byte(hash, ' ');
  }
}

}  // namespace nsai::stages
