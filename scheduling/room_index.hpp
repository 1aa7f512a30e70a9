#pragma once

#include <algorithm>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "scheduling/node_room.hpp"

namespace nsai::scheduling {

/// What is free on each node, and which nodes have changed since somebody looked. Kept up to date
/// when it is asked, with the nodes that have changed since: while jobs queue nobody asks, and it
/// costs nothing.
class room_index {
 public:
  using by_ahead = std::set<std::pair<std::size_t, node_index>>;  // how many wait there

  /// The node is as it is now; null: it is gone.
  void update(node_index index, node_state const* node);
  /// Only what is free is read off again: the change is still to come.
  void look(node_index index, node_state const& node);

  node_room const& operator[](node_index index) const { return rooms_[index]; }
  std::size_t slots() const { return rooms_.size(); }
  /// By kind; those of which there are nodes.
  std::map<kind_index, by_ahead> const& kinds() const { return kinds_; }

  /// Changes are numbered from 0. The latest are kept, as many as there are slots: a reader that
  /// has missed more looks at every node.
  std::uint64_t changes() const { return changes_; }
  std::uint64_t first_kept() const {
    return changes_ - std::min<std::uint64_t>(changes_, log_.size());
  }
  node_index changed(std::uint64_t number) const { return log_[number & (log_.size() - 1)]; }
  /// Whether so much may be free, at a glance: no is certain.
  bool may_have(node_index index, std::int64_t cpu, std::int64_t memory_mb,
                std::uint32_t idle_devices) const {
    auto const& g = glances_[index];
    return g.takes_more && g.cpu >= cpu && g.memory_mb >= memory_mb &&
           g.idle_devices >= idle_devices;
  }
  /// No later change is of the same node.
  bool is_latest(std::uint64_t number) const {
    return glances_[changed(number)].latest_change == number;
  }

 private:
  void make_slot(node_index index);
  // What says no for most of many nodes, in half a line of the cache.
  struct glance {
    std::uint64_t latest_change = 0;
    std::int64_t cpu = 0;
    std::int64_t memory_mb = 0;
    std::uint32_t idle_devices = 0;
    bool takes_more = false;
  };
  struct entry {
    kind_index kind = none;
    std::size_t ahead = 0;
  };
  std::map<kind_index, by_ahead> kinds_;
  std::vector<entry> entries_;    // by node, as it stands in `kinds_`
  std::vector<node_room> rooms_;  // by node
  std::vector<node_index> log_;   // by number of the change, modulo its size: a power of 2
  std::vector<glance> glances_;   // by node
  std::uint64_t changes_ = 0;
};

}  // namespace nsai::scheduling
