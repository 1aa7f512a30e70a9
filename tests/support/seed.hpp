#pragma once

#include <cstdint>
#include <cstdlib>
#include <random>
#include <string>

namespace nsai::tests {

/// What a randomised test starts from: NSAI_TEST_SEED, else another number each time. The test
/// captures it, so that a failure tells it.
inline std::uint64_t seed() {
  char const* given = std::getenv("NSAI_TEST_SEED");
  return given != nullptr ? std::stoull(given) : std::random_device{}();
}

}  // namespace nsai::tests
