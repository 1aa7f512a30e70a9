#include "scheduling/room_index.hpp"

#include <algorithm>

namespace nsai::scheduling {

void room_index::update(node_index index, node_state const* node) {
  if (entries_.size() <= index)
    entries_.resize(index + 1);
  auto& e = entries_[index];
  if (e.kind != none) {
    auto const of_kind = kinds_.find(e.kind);
    of_kind->second.nodes.erase(e.at);
    of_kind->second.by_ahead.erase({e.ahead, index});
    for (auto const& device : e.shared)
      of_kind->second.shared.erase(device);
    if (of_kind->second.nodes.empty() && (node == nullptr || node->kind != e.kind))
      kinds_.erase(of_kind);
  }
  e.kind = none;
  e.shared.clear();
  if (node == nullptr)
    return;
  e.kind = node->kind;
  e.at = {node->free_devices(), node->cpu_free(), index};
  auto& of_kind = kinds_[e.kind];
  of_kind.nodes.insert(e.at);
  e.ahead = node->ahead();
  of_kind.by_ahead.insert({e.ahead, index});
  for (std::uint32_t i = 0; i < node->devices.size(); ++i) {
    auto const& d = node->devices[i];
    if (d.uses.empty() || d.charge >= 1000)
      continue;
    auto const tenant = d.uses[0].tenant;
    bool const one_tenant = std::all_of(d.uses.begin(), d.uses.end(),
                                        [&](auto const& use) { return use.tenant == tenant; });
    e.shared.push_back({one_tenant ? tenant : none, d.charge, e.at, i});
    of_kind.shared.insert(e.shared.back());
  }
}

}  // namespace nsai::scheduling
