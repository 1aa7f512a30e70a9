#pragma once

#include <optional>
#include <vector>

#include "scheduling/cluster.hpp"
#include "scheduling/placement_policy.hpp"
#include "scheduling/rating_index.hpp"
#include "scheduling/request_mix.hpp"
#include "scheduling/shapes.hpp"

namespace nsai::scheduling {

/// A node, and the devices there, that a job of some shape can have now.
struct place {
  node_index node = none;
  std::vector<device_grant> devices;
};

struct placement_settings {
  placement_policy policy = placement_policy::balanced;
  bool share_between_tenants = false;  // whether jobs of different tenants may share a GPU
  std::uint64_t seed = 1;              // of the policy `random`
};

/// Chooses places. First the filter: stage, labels, cpu, memory, devices. Then the rating of the
/// policy (`placement_score`), with what was learned from the requests (`request_mix`); among equal
/// ones the node that was registered first.
class placement {
 public:
  /// Holds a reference: `nodes` has to live as long.
  explicit placement(cluster& nodes, placement_settings settings = {})
      : nodes_(&nodes), settings_(settings) {}
  /// A copy chooses among the nodes of the one it was copied from, until this.
  void rewire(cluster& nodes) { nodes_ = &nodes; }

  /// One more job has this shape: the mix of requests is learned from these.
  void note(shape& s) { mix_.note(s.key.resources, s.in_mix); }
  /// Whether the node could run it if the node were empty.
  bool is_possible(shape& s, node_state const& node) const;
  /// The same if all its devices were sound, and all their memory there.
  bool is_large_enough(shape& s, node_state const& node) const;
  /// Whether as many devices are sound as the shape takes.
  bool is_sound_for(shape& s, node_state const& node) const;
  /// Whether the device could serve it if no job had it: strangers may hold too much of its memory.
  bool is_served(shape& s, device_state const& d) const;
  /// Whether the node has room now. Nobody overtakes those that already wait on a node.
  bool fits(shape& s, node_state const& node) const {
    return s.key.resources.cpu.value <= node.cpu_free() && node.ahead() == 0 &&
           node.attempts() < most_attempts && fits_but_for_cpu(s, node);
  }
  /// Whether that room is free for all: none of it is kept for a job.
  bool is_free_for_all(shape& s, node_state const& node) const {
    return !node.is_kept && fits(s, node);
  }
  /// Whether it has room but for cpu: cpu is what attempts granted ahead compete for.
  bool fits_but_for_cpu(shape& s, node_state const& node) const;
  /// Whether some node may have room: cheap, and once the shape was closed exact but for nodes that
  /// take no more grants or have no time left. Drops candidates without room.
  bool may_fit(shape& s) const;
  /// The best place among all nodes or, where the shape was closed before, among its candidates.
  /// Room that is kept for a job is left alone.
  std::optional<place> find(shape& s);
  /// The place on a node of which `room` is or will be free; nullopt: too little. The node's
  /// stages, labels and times are not looked at.
  std::optional<place> find_on(shape& s, node_index node, node_room const& room);
  /// For a gang: the best nodes that have room now, one place on each, or nothing when they are too
  /// few. The first is on a node that has a port to offer. Room on `kept` is kept for this gang,
  /// and nodes with devices of `models` (patterns) are none.
  std::vector<place> find_apart(shape& s, std::vector<node_index> const& kept,
                                std::vector<std::string> const& models);
  /// How many nodes have room now.
  std::size_t count_fitting(shape& s) const;
  bool has_labels(shape const& s, node_state const& node) const;
  /// Whether the shape could take (a part of) the device now.
  bool has_free(shape& s, device_state const& d) const;
  /// How many devices the shape could take on the node now.
  std::size_t devices_free(shape& s, node_state const& node) const;

 private:
  bool suits(shape& s, node_state const& node) const {
    bool const known = node.kind < s.suits.size() && s.suits[node.kind] >= 0;
    return known ? s.suits[node.kind] == 1 : learn_suits(s, node);
  }
  class_need const& need(shape& s, device_class_index of) const {
    return of < s.needs.size() ? s.needs[of] : learn_need(s, of);
  }
  bool learn_suits(shape& s, node_state const& node) const;
  class_need const& learn_need(shape& s, device_class_index of) const;
  bool serves(shape& s, device_state const& d) const { return need(s, d.device_class).serves; }
  placement_score score();
  rating rate(shape& s, node_index index, node_room const& room, placement_score& score);
  node_index best_of_all(shape& s, std::uint64_t draw);
  node_index best_candidate(shape& s, std::uint64_t draw);
  std::uint64_t next_draw();
  void learn_needs(shape& s);
  place place_at(shape& s, node_index node, std::vector<std::uint32_t> const& positions) const;

  cluster* nodes_;
  placement_settings settings_;
  request_mix mix_;
  rating_index ratings_;
  std::vector<std::optional<rating>> of_idle_;  // by kind, while one request is looked at
  std::uint64_t draws_ = 0;
};

}  // namespace nsai::scheduling
