#include "scheduling/node_room.hpp"

#include <algorithm>
#include <limits>

namespace nsai::scheduling {

void read_device_room(device_state const& from, device_room& to) {
  bool const withheld = from.withholds(!from.uses.empty());
  auto const memory_mb =
      withheld ? 0 : std::max<std::int64_t>(0, from.memory_offered() - from.memory_mb);
  to.idle = from.uses.empty() && !withheld;
  to.device_class = from.device_class;
  to.link_group = from.link_group;
  to.free_milli = withheld ? 0 : 1000 - from.charge;
  to.free_memory_mb = static_cast<std::int32_t>(
      std::min<std::int64_t>(memory_mb, std::numeric_limits<std::int32_t>::max()));
  bool const one_tenant = std::all_of(from.uses.begin(), from.uses.end(), [&](auto const& use) {
    return use.tenant == from.uses[0].tenant;
  });
  to.tenant = from.uses.empty() || !one_tenant ? none : from.uses[0].tenant;
}

void read_room(node_state const* node, node_room& to) {
  to.value = {};
  to.takes_more = node != nullptr && node->ahead() == 0 && node->attempts() < most_attempts;
  if (node == nullptr) {
    to.devices.clear();
    to.kind = none;
    return;
  }
  to.uniform = node->uniform;
  to.in_use = node->attempts() > 0;
  to.kind = node->kind;
  to.idle_devices = static_cast<std::uint32_t>(node->free_devices());
  to.cpu = node->cpu_free();
  to.memory_mb = node->memory_free();
  to.all_cpu = node->info.cpus.value;
  to.all_memory_mb = node->info.memory_mb;
  to.micro_usd_per_hour = node->info.price_per_hour_usd.value;
  to.gpu_milli = 0;
  to.devices.resize(node->devices.size());
  to.first_class = node->devices.empty() ? none : node->devices[0].device_class;
  for (std::size_t i = 0; i < to.devices.size(); ++i) {
    read_device_room(node->devices[i], to.devices[i]);
    // A node with a device that is withheld is not like the other idle ones of its kind.
    to.in_use =
        to.in_use || node->devices[i].withholds(false) || !node->devices[i].offers_all_memory();
    to.gpu_milli += to.devices[i].free_milli;
  }
}

}  // namespace nsai::scheduling
