#include "scheduling/room_index.hpp"

#include <bit>

namespace nsai::scheduling {

void room_index::make_slot(node_index index) {
  if (index < rooms_.size())
    return;
  rooms_.resize(index + 1);
  entries_.resize(index + 1);
  glances_.resize(index + 1);
}

void room_index::look(node_index index, node_state const& node) {
  make_slot(index);
  read_room(&node, rooms_[index]);
}

void room_index::update(node_index index, node_state const* node) {
  make_slot(index);
  read_room(node, rooms_[index]);
  if (log_.size() < rooms_.size()) {
    // The numbers of the kept changes would lead elsewhere: nothing is kept.
    log_.assign(std::bit_ceil(2 * rooms_.size()), none);
    changes_ += log_.size() + 1;
  }
  auto const& room = rooms_[index];
  glances_[index] = {changes_, room.cpu, room.memory_mb, room.idle_devices, room.takes_more};
  log_[changes_++ & (log_.size() - 1)] = index;

  auto& e = entries_[index];
  entry const now = node == nullptr ? entry{} : entry{node->kind, node->ahead()};
  if (e.kind == now.kind && e.ahead == now.ahead)
    return;
  if (e.kind != none) {
    auto const of_kind = kinds_.find(e.kind);
    of_kind->second.erase({e.ahead, index});
    if (of_kind->second.empty())
      kinds_.erase(of_kind);
  }
  e = now;
  if (e.kind != none)
    kinds_[e.kind].insert({e.ahead, index});
}

}  // namespace nsai::scheduling
