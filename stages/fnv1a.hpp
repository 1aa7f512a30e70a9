#pragma once

#include <cstdint>
#include <string_view>

namespace nsai::stages {

/// FNV-1a, 64 bits, going on from `hash`.
constexpr std::uint64_t fnv1a(std::string_view bytes, std::uint64_t hash = 14695981039346656037U) {
  for (char const c : bytes)
    hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211U;
  return hash;
}

}  // namespace nsai::stages
