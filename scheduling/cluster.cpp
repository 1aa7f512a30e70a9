#include "scheduling/cluster.hpp"

#include <algorithm>

#include "scheduling/assert.hpp"

namespace nsai::scheduling {

node_state* cluster::find(std::string const& uuid) {
  auto const at = by_uuid_.find(uuid);
  return at == by_uuid_.end() ? nullptr : nodes_[at->second].get();
}

node_index cluster::index_of(std::string const& uuid) const {
  auto const at = by_uuid_.find(uuid);
  return at == by_uuid_.end() ? none : at->second;
}

node_index cluster::add(std::string const& uuid) {
  auto slot = std::find(nodes_.begin(), nodes_.end(), nullptr);
  if (slot == nodes_.end())
    slot = nodes_.emplace(nodes_.end());
  *slot = std::make_unique<node_state>();
  auto const index = static_cast<node_index>(slot - nodes_.begin());
  (*slot)->report_changes(index, &changed_);
  bool const is_new = by_uuid_.emplace(uuid, index).second;
  NSAI_ASSERT(is_new);
  ++epoch;
  return index;
}

void cluster::remove(node_index index) {
  by_uuid_.erase(nodes_[index]->info.uuid);
  nodes_[index].reset();
  changed_.push_back(index);
  ++epoch;
}

void cluster::offer(node_index index, node_info const& offered, std::vector<bool> stages) {
  std::vector<model_index> of_devices;
  // Separated by what no name contains.
  auto kind = std::to_string(offered.cpus.value) + "/" + std::to_string(offered.memory_mb) + "/";
  for (bool const has : stages)
    kind += has ? '1' : '0';
  for (auto const& [label, value] : offered.labels)
    kind.append(1, '\0').append(label).append(1, '\0').append(value);
  for (auto const& gpu : offered.gpus) {
    of_devices.push_back(models.intern(gpu.model));
    kind.append(2, '\0').append(std::to_string(of_devices.back()));
    kind.append(1, '/').append(std::to_string(gpu.memory_mb));
  }
  nodes_[index]->reset(offered, std::move(stages), of_devices);
  nodes_[index]->kind = kinds_.intern(kind);
  ++epoch;
}

room_index const& cluster::by_room() {
  for (auto const index : changed_) {
    auto* const node = nodes_[index].get();
    if (node != nullptr)
      node->seen();
    room_.update(index, node);
  }
  changed_.clear();
  return room_;
}

}  // namespace nsai::scheduling
