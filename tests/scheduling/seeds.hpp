#pragma once

#include <algorithm>
#include <cstdint>

namespace nsai::scheduling::tests {

/// How many seeds a long property test plays: all, or under a sanitizer a quarter, where the same
/// takes seven times as long.
constexpr std::uint64_t seeds(std::uint64_t all) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  return std::max<std::uint64_t>(1, all / 4);
#else
  return all;
#endif
}

}  // namespace nsai::scheduling::tests
