#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nsai::scheduling {

/// By what the place of a job is chosen among those that have room. Formulas: placement_score.cpp.
enum class placement_policy : std::uint8_t {
  balanced,  // what strands least, leaves fewest holes and spares scarce models
  fgd,       // the least growth of fragmentation, as published
  best_fit,  // the least left free
  packing,   // GPUs that are shared already, then nodes that are in use, then idle nodes
  spread,    // the most left free
  cheapest,  // the lowest price of what the job takes
  random     // any with equal chance
};

inline constexpr std::array<std::string_view, 7> placement_policy_names{
    "balanced", "fgd", "best_fit", "packing", "spread", "cheapest", "random"};

inline std::string to_string(placement_policy p) {
  return std::string(placement_policy_names[static_cast<std::size_t>(p)]);
}

inline std::optional<placement_policy> placement_policy_named(std::string_view name) {
  for (std::size_t i = 0; i < placement_policy_names.size(); ++i)
    if (placement_policy_names[i] == name)
      return static_cast<placement_policy>(i);
  return std::nullopt;
}

}  // namespace nsai::scheduling
