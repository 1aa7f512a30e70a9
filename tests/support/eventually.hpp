#pragma once

#include <chrono>
#include <functional>
#include <thread>

namespace nsai::tests {

/// Looks until `holds` or until `limit` has passed; returns whether it held. Never a measurement,
/// only a bound.
inline bool eventually(std::function<bool()> const& holds,
                       std::chrono::seconds limit = std::chrono::seconds{20}) {
  constexpr std::chrono::milliseconds between_two_looks{10};
  auto const until = std::chrono::steady_clock::now() + limit;
  while (!holds()) {
    if (std::chrono::steady_clock::now() >= until)
      return false;
    std::this_thread::sleep_for(between_two_looks);
  }
  return true;
}

}  // namespace nsai::tests
