#pragma once

#include <algorithm>
#include <bit>
#include <vector>

#include "scheduling/indices.hpp"
#include "scheduling/placement_score.hpp"

namespace nsai::scheduling {

/// The ratings of all nodes for one request, the best at hand: a tree of which each inner vertex
/// has the better of its two.
class min_tree {
 public:
  /// `nodes` leaves without room.
  void reset(std::size_t nodes) {
    leaves_ = 1;
    while (leaves_ < nodes)
      leaves_ *= 2;
    tree_.assign(2 * leaves_, no_room);
  }
  std::size_t leaves() const { return tree_.empty() ? 0 : leaves_; }
  rating operator[](node_index node) const { return tree_[leaves_ + node]; }

  void set(node_index node, rating r) {
    auto at = leaves_ + node;
    if (tree_[at] == r)
      return;
    tree_[at] = r;
    for (at /= 2; at > 0; at /= 2) {
      auto const better = std::min(tree_[2 * at], tree_[2 * at + 1]);
      if (tree_[at] == better)
        return;
      tree_[at] = better;
    }
  }
  /// Many leaves at once: `fill(node)` for each of the first `nodes`.
  template <class Fill>
  void set_all(std::size_t nodes, Fill&& fill) {
    for (std::size_t i = 0; i < nodes; ++i)
      tree_[leaves_ + i] = fill(static_cast<node_index>(i));
    for (auto at = leaves_ - 1; at > 0; --at)
      tree_[at] = std::min(tree_[2 * at], tree_[2 * at + 1]);
  }

  /// The node with the best rating, the lowest among equals, that `accept` takes; `none` when there
  /// is no such node with room.
  template <class Accept>
  node_index best(Accept&& accept) const {
    if (tree_.empty() || tree_[1] == no_room)
      return none;
    std::size_t at = 1;
    while (at < leaves_)
      at = tree_[2 * at] <= tree_[2 * at + 1] ? 2 * at : 2 * at + 1;
    if (auto const first = static_cast<node_index>(at - leaves_); accept(first))
      return first;
    return next_best(accept);
  }

 private:
  /// The best is not accepted: vertices in order of what is best below them, leftmost first.
  template <class Accept>
  node_index next_best(Accept&& accept) const {
    struct open {
      rating value;
      std::size_t leftmost;  // leaf below it
      std::size_t at;
      bool operator<(open const& other) const {
        return value != other.value ? value > other.value : leftmost > other.leftmost;
      }
    };
    std::vector<open> heap{{tree_[1], 0, 1}};
    while (!heap.empty()) {
      std::pop_heap(heap.begin(), heap.end());
      auto const top = heap.back();
      heap.pop_back();
      if (top.at >= leaves_) {
        if (accept(static_cast<node_index>(top.leftmost)))
          return static_cast<node_index>(top.leftmost);
        continue;
      }
      auto const width = leaves_ >> (std::bit_width(top.at) - 1);  // leaves below it
      for (std::size_t side : {0, 1})
        if (auto const below = 2 * top.at + side; tree_[below] != no_room) {
          heap.push_back({tree_[below], top.leftmost + side * width / 2, below});
          std::push_heap(heap.begin(), heap.end());
        }
    }
    return none;
  }

  std::size_t leaves_ = 1;
  std::vector<rating> tree_;
};

}  // namespace nsai::scheduling
