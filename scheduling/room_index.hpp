#pragma once

#include <map>
#include <set>
#include <tuple>
#include <utility>
#include <vector>

#include "scheduling/node_state.hpp"

namespace nsai::scheduling {

/// The nodes of each kind in the order in which placement prefers them, so that a place is found
/// without a look at every node. Kept up to date when it is asked, with the nodes that have changed
/// since: while jobs queue nobody asks, and it costs nothing.
class room_index {
 public:
  /// A node by what is free on it.
  struct standing {
    std::size_t free_devices = 0;
    std::int64_t free_cpu = 0;
    node_index node = none;
    friend auto operator<=>(standing const&, standing const&) = default;
  };
  /// A device that is shared and not full. `tenant`: who has all its shares; those of several stand
  /// under `none`.
  struct shared_device {
    tenant_index tenant = none;
    std::int64_t charge = 0;
    standing on;
    std::uint32_t position = 0;  // among the node's devices
    /// The fullest first.
    friend bool operator<(shared_device const& a, shared_device const& b) {
      return std::tie(a.tenant, b.charge, a.on, a.position) <
             std::tie(b.tenant, a.charge, b.on, b.position);
    }
  };
  struct nodes_of_kind {
    std::set<standing> nodes;
    std::set<shared_device> shared;
    std::set<std::pair<std::size_t, node_index>> by_ahead;  // how many wait there
  };

  /// What stands here of the node goes; what it is now comes instead. null: the node is gone.
  void update(node_index index, node_state const* node);
  /// By kind; those of which there are nodes.
  std::map<kind_index, nodes_of_kind> const& kinds() const { return kinds_; }

 private:
  struct entry {
    kind_index kind = none;
    standing at;
    std::size_t ahead = 0;
    std::vector<shared_device> shared;
  };
  std::map<kind_index, nodes_of_kind> kinds_;
  std::vector<entry> entries_;  // by node
};

}  // namespace nsai::scheduling
