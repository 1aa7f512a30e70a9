#include "scheduling/cost.hpp"

#include <algorithm>
#include <cmath>

namespace nsai::scheduling {
namespace {

constexpr std::int64_t hour_ms = 60 * 60 * 1000;
// A million USD an hour; with it no product below is too large.
constexpr std::int64_t highest_rate = 1'000'000'000'000;
constexpr std::int64_t longest_hours = 1'000'000;

double part(std::int64_t held, std::int64_t offered) {
  return offered > 0 ? std::min(1.0, static_cast<double>(held) / static_cast<double>(offered)) : 0;
}

}  // namespace

cost_rate rate_of(node_state const& node, holding const& held) {
  auto const price = std::min(node.info.price_per_hour_usd.value, highest_rate);
  if (price <= 0)
    return 0;
  std::int64_t milli_devices = 0;
  for (auto const& each : held.devices)
    for (auto const& device : node.devices)
      if (device.index == each.index)
        milli_devices +=
            each.share_milli >= 1000 ? 1000 : device.charge_of(each.share_milli, each.memory_mb);
  auto const largest =
      std::max({part(held.cpu, node.info.cpus.value), part(held.memory_mb, node.info.memory_mb),
                part(milli_devices, static_cast<std::int64_t>(node.devices.size()) * 1000)});
  return std::llround(static_cast<double>(price) * largest);
}

micro cost_of(cost_rate rate, std::int64_t ms) {
  auto const time = std::clamp<std::int64_t>(ms, 0, longest_hours * hour_ms);
  return {rate * (time / hour_ms) + rate * (time % hour_ms) / hour_ms};
}

std::int64_t time_for(micro cost, cost_rate rate) {
  auto const hours = std::max<std::int64_t>(0, cost.value) / rate;
  if (hours >= longest_hours)
    return longest_hours * hour_ms;
  return hours * hour_ms + (std::max<std::int64_t>(0, cost.value) % rate) * hour_ms / rate;
}

}  // namespace nsai::scheduling
