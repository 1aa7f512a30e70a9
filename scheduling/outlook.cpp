#include "scheduling/outlook.hpp"

#include <algorithm>

namespace nsai::scheduling {

outlook::outlook(node_state const& node) : node_(node), withheld_(node.devices.size()) {
  read_room(&node, room_);
}

void outlook::read_device(std::uint32_t position) {
  auto& d = room_.devices[position];
  room_.idle_devices -= d.idle ? 1 : 0;
  room_.gpu_milli -= d.free_milli;
  auto left = node_.devices[position];
  std::erase_if(left.uses, [&](device_state::use const& use) {
    bool const gone = std::find(gone_.begin(), gone_.end(), use.ref) != gone_.end();
    left.charge = static_cast<std::int16_t>(left.charge - (gone ? use.charge : 0));
    left.memory_mb -= gone ? use.memory_mb : 0;
    return gone;
  });
  read_device_room(left, d);
  if (withheld_[position]) {
    d.idle = false;
    d.free_milli = 0;
    d.free_memory_mb = 0;
    d.tenant = none;
  }
  room_.idle_devices += d.idle ? 1 : 0;
  room_.gpu_milli += d.free_milli;
  room_.value = {};
}

void outlook::release(attempt_ref ref) {
  auto const* const held = node_.find(ref);
  if (held == nullptr || held->ahead)
    return;
  gone_.push_back(ref);
  room_.cpu += held->cpu;
  room_.memory_mb += held->memory_mb;
  for (auto const& h : held->devices)
    for (std::uint32_t i = 0; i < node_.devices.size(); ++i)
      if (node_.devices[i].index == h.index)
        read_device(i);
}

void outlook::withhold(std::vector<std::uint32_t> const& devices) {
  for (auto const position : devices) {
    withheld_[position] = true;
    read_device(position);
  }
}

}  // namespace nsai::scheduling
