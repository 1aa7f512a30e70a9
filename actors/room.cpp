#include "actors/room.hpp"

#include <algorithm>

namespace nsai::actors {

room::room(node_info const& node) : cpu_milli_(node.cpus.value), memory_mb_(node.memory_mb) {
  for (auto const& gpu : node.gpus)
    add(gpu);
}

void room::add(gpu_info const& gpu) {
  devices_[gpu.index] = {1000, gpu.memory_mb};
}

bool room::fits(start_attempt const& attempt) const {
  if (attempt.cpu.value > cpu_milli_ || attempt.memory_mb > memory_mb_)
    return false;
  return std::all_of(
      attempt.devices.begin(), attempt.devices.end(), [&](device_grant const& grant) {
        auto const found = devices_.find(grant.index);
        return found != devices_.end() && grant.share_milli <= found->second.share_milli &&
               grant.memory_mb <= found->second.memory_mb;
      });
}

void room::take(start_attempt const& attempt) {
  cpu_milli_ -= attempt.cpu.value;
  memory_mb_ -= attempt.memory_mb;
  for (auto const& grant : attempt.devices) {
    auto& device = devices_.at(grant.index);
    device.share_milli -= grant.share_milli;
    device.memory_mb -= grant.memory_mb;
  }
}

void room::give_back(milli cpu, std::int64_t memory_mb, std::vector<device_grant> const& devices) {
  cpu_milli_ += cpu.value;
  memory_mb_ += memory_mb;
  for (auto const& grant : devices) {
    auto& device = devices_.at(grant.index);
    device.share_milli += grant.share_milli;
    device.memory_mb += grant.memory_mb;
  }
}

}  // namespace nsai::actors
