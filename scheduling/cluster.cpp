#include "scheduling/cluster.hpp"

#include <algorithm>

#include "scheduling/assert.hpp"

namespace nsai::scheduling {

node_state* cluster::find(std::string const& uuid) {
  auto const at = by_uuid_.find(uuid);
  return at == by_uuid_.end() ? nullptr : nodes_[at->second].get();
}

void cluster::rewire() {
  for (auto const& node : nodes_)
    if (node)
      node->report_to(&changed_);
}

node_index cluster::index_of(std::string_view uuid) const {
  auto const at = by_uuid_.find(uuid);
  return at == by_uuid_.end() ? none : at->second;
}

node_index cluster::add(std::string const& uuid) {
  auto slot = std::find_if(nodes_.begin(), nodes_.end(), [](auto const& node) { return !node; });
  if (slot == nodes_.end())
    slot = nodes_.emplace(nodes_.end());
  slot->emplace();
  auto const index = static_cast<node_index>(slot - nodes_.begin());
  (*slot)->report_changes(index, &changed_);
  bool const is_new = by_uuid_.emplace(uuid, index).second;
  NSAI_ASSERT(is_new);
  ++epoch;
  return index;
}

void cluster::count(node_state const& node, int sign) {
  cpus_ += sign * node.info.cpus.value;
  for (auto const& d : node.devices)
    device_classes_[d.device_class].devices += sign;
}

device_kind cluster::kind_of(gpu_info const& gpu) {
  auto const model = models.intern(gpu.model);
  auto const at = std::find_if(
      device_classes_.begin(), device_classes_.end(),
      [&](device_class const& c) { return c.model == model && c.memory_mb == gpu.memory_mb; });
  auto const found = static_cast<device_class_index>(at - device_classes_.begin());
  if (at == device_classes_.end())
    device_classes_.push_back({model, gpu.memory_mb});
  return {model, found};
}

void cluster::remove(node_index index) {
  count(*nodes_[index], -1);
  by_uuid_.erase(nodes_[index]->info.uuid);
  nodes_[index].reset();
  changed_.nodes.push_back(index);
  ++changed_.count;
  ++epoch;
}

/// Nodes of one kind differ in nothing that requests ask for.
std::string cluster::kind_text(node_info const& offered, std::vector<bool> const& stages) {
  // Separated by what no name contains.
  auto kind = std::to_string(offered.cpus.value) + "/" + std::to_string(offered.memory_mb) + "/" +
              std::to_string(offered.price_per_hour_usd.value) + "/";
  for (bool const has : stages)
    kind += has ? '1' : '0';
  for (auto const& [label, value] : offered.labels)
    kind.append(1, '\0').append(label).append(1, '\0').append(value);
  for (auto const& gpu : offered.gpus)
    kind.append(2, '\0').append(std::to_string(kind_of(gpu).device_class));
  return kind;
}

void cluster::offer(node_index index, node_info const& offered, std::vector<bool> stages) {
  std::vector<device_kind> of_devices;
  for (auto const& gpu : offered.gpus)
    of_devices.push_back(kind_of(gpu));
  auto const kind = kind_text(offered, stages);
  auto& node = *nodes_[index];
  count(node, -1);
  node.reset(offered, std::move(stages), of_devices);
  node.kind = kinds_.intern(kind);
  count(node, 1);
  note_size(node);
}

void cluster::add_devices(node_index index, std::span<gpu_info const> more) {
  auto& node = *nodes_[index];
  count(node, -1);
  for (auto const& gpu : more)
    node.add_device(gpu, kind_of(gpu));
  node.kind = kinds_.intern(kind_text(node.info, node.stages));
  count(node, 1);
  note_size(node);
}

void cluster::note_size(node_state const& node) {
  ++epoch;
  if (node.info.cpus.value <= most_cpus_ && node.devices.size() <= most_devices_)
    return;
  most_cpus_ = std::max(most_cpus_, node.info.cpus.value);
  most_devices_ = std::max(most_devices_, node.devices.size());
  ++records_;
}

room_index const& cluster::by_room() {
  auto const& changed = changed_.nodes;
  for (std::size_t i = 0; i < changed.size(); ++i) {
    auto const index = changed[i];
    if (i + 1 < changed.size() && nodes_[changed[i + 1]])
      nodes_[changed[i + 1]]->prefetch_devices();
    if (i + 2 < changed.size() && nodes_[changed[i + 2]])
      prefetch(changed[i + 2]);
    auto* const node = nodes_[index].get();
    if (node != nullptr)
      node->seen();
    room_.update(index, node);
  }
  changed_.nodes.clear();
  return room_;
}

node_room const& cluster::room_of(node_index index) {
  if (nodes_[index]->has_changed())
    room_.look(index, *nodes_[index]);
  return room_[index];
}

}  // namespace nsai::scheduling
