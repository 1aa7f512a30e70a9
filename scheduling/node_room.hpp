#pragma once

#include <vector>

#include "scheduling/node_state.hpp"

namespace nsai::scheduling {

/// What is free on one device.
struct device_room {
  std::int32_t free_milli = 0;  // thousandths not charged
  std::int32_t free_memory_mb = 0;
  tenant_index tenant = none;  // who has all its shares; none: it is idle, or not one tenant alone
  device_class_index device_class = 0;
  std::uint32_t link_group = 0;  // as `gpu_info` has it
  bool idle = true;
};

/// What the demand learned makes of what is free, kept while neither changes (`placement_score`).
struct room_value {
  std::uint64_t demand_version = 0;  // of which it was made; 0: of none
  double hole = 0;                   // what single devices leave unused, in GPUs
  double unused = 0;                 // what is expected to be left unused of the node, in GPUs
};

/// What is free on one node, close together for the many looks of placement: what every look needs
/// comes first.
struct alignas(64) node_room {
  bool takes_more = false;  // there, nobody waits on it for room, and it has not too many attempts
  bool uniform = false;     // its devices are of one class
  bool in_use = false;
  kind_index kind = none;
  std::uint32_t idle_devices = 0;
  device_class_index first_class = none;  // of its first device; none: it has no device
  std::int64_t cpu = 0;                   // thousandths of a core
  std::int64_t memory_mb = 0;
  std::int64_t gpu_milli = 0;  // of all its devices
  mutable room_value value;
  std::vector<device_room> devices;
  // What it offers when it is idle, and at what price.
  std::int64_t all_cpu = 0;
  std::int64_t all_memory_mb = 0;
  std::int64_t micro_usd_per_hour = 0;  // 0: no price is known
};

void read_device_room(device_state const& from, device_room& to);
/// Reads off a node what is free there; null: the node is gone.
void read_room(node_state const* node, node_room& to);

/// Bounds what jobs that ask for no cpu can pile up on one node.
inline constexpr std::size_t most_attempts = 4096;

}  // namespace nsai::scheduling
