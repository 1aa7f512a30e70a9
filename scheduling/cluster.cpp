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
  bool const is_new = by_uuid_.emplace(uuid, index).second;
  NSAI_ASSERT(is_new);
  ++epoch;
  return index;
}

void cluster::remove(node_index index) {
  by_uuid_.erase(nodes_[index]->info.uuid);
  nodes_[index].reset();
  ++epoch;
}

}  // namespace nsai::scheduling
