#pragma once

#include <unordered_map>
#include <vector>

#include "scheduling/min_tree.hpp"
#include "scheduling/room_index.hpp"
#include "scheduling/shapes.hpp"

namespace nsai::scheduling {

/// The ratings of all nodes by request, so that a place is found without a look at every node. When
/// it is asked, only the nodes that have changed since it was asked for the same request are rated
/// again; all of them when what else they depend on has changed (`version`). What was asked for
/// longest ago is given up when there is too much of it.
class rating_index {
 public:
  /// The ratings as they are now, by `rate(node)`. `slot`: see `shape::rating`.
  template <class Rate>
  min_tree const& ratings(shape_key const& of, std::uint32_t& slot, room_index const& rooms,
                          std::uint64_t version, Rate&& rate) {
    auto& e = at(of, slot, rooms.slots());
    e.asked = ++asked_;
    if (e.version != version || e.seen < rooms.first_kept() || e.tree.leaves() < rooms.slots()) {
      if (e.tree.leaves() < rooms.slots())
        e.tree.reset(rooms.slots());
      e.tree.set_all(rooms.slots(), rate);
    } else {
      for (; e.seen < rooms.changes(); ++e.seen) {
        if (auto const node = rooms.changed(e.seen); rooms.is_latest(e.seen))
          e.tree.set(node, rate(node));
      }
    }
    e.version = version;
    e.seen = rooms.changes();
    return e.tree;
  }

 private:
  struct entry {
    shape_key of;
    std::uint64_t version = 0;
    std::uint64_t seen = 0;   // changes of the rooms that are in the tree
    std::uint64_t asked = 0;  // when, by number of the question
    min_tree tree;
  };
  entry& at(shape_key const& of, std::uint32_t& slot, std::size_t nodes);
  std::uint32_t free_slot(std::size_t nodes);

  std::vector<entry> entries_;
  std::unordered_map<shape_key, std::uint32_t, shape_key_hash> index_;
  std::uint64_t asked_ = 0;
};

}  // namespace nsai::scheduling
