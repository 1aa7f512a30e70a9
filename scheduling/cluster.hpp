#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "scheduling/node_state.hpp"

namespace nsai::scheduling {

/// The nodes by index and by uuid. An index is given out again after its node was removed.
class cluster {
 public:
  node_state* find(std::string const& uuid);
  node_state const* find(std::string const& uuid) const {
    return const_cast<cluster*>(this)->find(uuid);
  }
  /// `none` when there is no such node.
  node_index index_of(std::string const& uuid) const;
  node_index add(std::string const& uuid);
  void remove(node_index index);
  node_state& operator[](node_index index) { return *nodes_[index]; }
  node_state const& operator[](node_index index) const { return *nodes_[index]; }
  /// Visits (index, node) in order of index.
  template <class F>
  void for_each(F&& visit) {
    for (node_index i = 0; i < nodes_.size(); ++i)
      if (nodes_[i])
        visit(i, *nodes_[i]);
  }
  template <class F>
  void for_each(F&& visit) const {
    for (node_index i = 0; i < nodes_.size(); ++i)
      if (nodes_[i])
        visit(i, static_cast<node_state const&>(*nodes_[i]));
  }
  std::size_t size() const { return by_uuid_.size(); }

  name_table models;
  /// Changes when nodes join or leave, or what they offer does.
  std::uint64_t epoch = 1;

 private:
  std::vector<std::unique_ptr<node_state>> nodes_;
  std::unordered_map<std::string, node_index> by_uuid_;
};

}  // namespace nsai::scheduling
