#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <tsl/robin_map.h>

#include "scheduling/boxed.hpp"
#include "scheduling/prefetch.hpp"
#include "scheduling/room_index.hpp"

namespace nsai::scheduling {

/// Devices of one model and memory size, and how many of them the nodes offer.
struct device_class {
  model_index model = none;
  std::int64_t memory_mb = 0;
  std::int64_t devices = 0;
};

/// The nodes by index and by uuid. An index is given out again after its node was removed.
class cluster {
 public:
  /// The nodes of a copy report their changes to the cluster it was copied from, until this.
  void rewire();

  node_state* find(std::string const& uuid);
  node_state const* find(std::string const& uuid) const {
    return const_cast<cluster*>(this)->find(uuid);
  }
  /// `none` when there is no such node.
  node_index index_of(std::string_view uuid) const;
  node_index add(std::string const& uuid);
  void remove(node_index index);
  /// The node says what it offers; nothing is held on it then.
  void offer(node_index index, node_info const& offered, std::vector<bool> stages);
  /// The node has found these, too, while it lives.
  void add_devices(node_index index, std::span<gpu_info const> more);
  /// What is free on the nodes now.
  room_index const& by_room();
  /// The same of one node, when the others do not matter.
  node_room const& room_of(node_index index);
  /// It will be asked for soon.
  void prefetch(node_index index) const { prefetch_lines(nodes_[index].get(), sizeof(node_state)); }
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
  /// By `device_class_index`. A class whose last node has gone stays, with no devices.
  std::vector<device_class> const& device_classes() const { return device_classes_; }
  /// Thousandths of a core that the nodes offer together.
  std::int64_t cpus() const { return cpus_; }
  /// The largest that a single node has offered.
  std::int64_t most_cpus() const { return most_cpus_; }
  std::size_t most_devices() const { return most_devices_; }
  /// Grows whenever what is free on some node changes.
  std::uint64_t changes() const { return changed_.count; }
  /// How often one of the two largest has changed.
  std::uint64_t records() const { return records_; }

  timestamp now;  // of the event being applied: how long a node will be there counts from it
  name_table models;
  /// Changes when nodes join or leave, or what they offer does.
  std::uint64_t epoch = 1;

 private:
  struct text_hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const noexcept {
      return std::hash<std::string_view>{}(text);
    }
  };
  device_kind kind_of(gpu_info const& gpu);
  void count(node_state const& node, int sign);
  void note_size(node_state const& node);
  std::string kind_text(node_info const& offered, std::vector<bool> const& stages);

  std::vector<boxed<node_state>> nodes_;
  std::vector<device_class> device_classes_;
  std::int64_t cpus_ = 0;
  std::int64_t most_cpus_ = 0;
  std::size_t most_devices_ = 0;
  std::uint64_t records_ = 0;
  node_changes changed_;
  room_index room_;
  name_table kinds_;  // by what makes them
  tsl::robin_map<std::string, node_index, text_hash, std::equal_to<>> by_uuid_;
};

}  // namespace nsai::scheduling
