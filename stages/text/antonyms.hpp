#pragma once

#include <cstdint>
#include <optional>

namespace nsai::stages {

/// Where a word stands on one of the axes that science writes along: increase and decrease,
/// activation and inhibition, presence and absence. Words of one side mean the same here, words of
/// the two sides of an axis opposite things.
struct direction {
  std::uint8_t axis = 0;  // below direction_axes
  bool positive = true;
};
inline constexpr std::uint8_t direction_axes = 32;

/// Of a content word's key (word_key of its stem).
std::optional<direction> direction_of(std::uint64_t word);

}  // namespace nsai::stages
