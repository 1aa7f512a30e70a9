#pragma once

#include <optional>
#include <vector>

#include "scheduling/cluster.hpp"
#include "scheduling/shapes.hpp"

namespace nsai::scheduling {

/// A node, and the devices there, that a job of some shape can have now.
struct place {
  node_index node = none;
  std::vector<device_grant> devices;
};

/// Chooses places. First the filter: stage, labels, cpu, memory, devices. Then the score, by which
/// the place that strands least wins: CPU jobs keep away from free GPUs, GPU jobs take the smallest
/// GPUs that serve and fill nodes up, shares go to GPUs that are shared already; then the fullest
/// node, then the lowest index.
class placement {
 public:
  /// Holds references: both have to live as long.
  placement(cluster& nodes, bool share_between_tenants)
      : nodes_(nodes), share_between_tenants_(share_between_tenants) {}

  /// Whether the node could run it if the node were empty.
  bool is_possible(shape& s, node_state const& node) const;
  /// Whether the node has room now. Nobody overtakes those that already wait on a node.
  bool fits(shape& s, node_state const& node) const;
  /// Whether it has room but for cpu: cpu is what attempts granted ahead compete for.
  bool fits_but_for_cpu(shape& s, node_state const& node) const;
  /// Whether some node may have room: cheap, and exact once the shape was closed. Drops candidates
  /// without room.
  bool may_fit(shape& s) const;
  /// The best place among all nodes or, where the shape was closed before, among its candidates.
  std::optional<place> find(shape& s) const;
  bool has_labels(shape const& s, node_state const& node) const;
  /// How many devices the shape could take on the node now.
  std::size_t devices_free(shape& s, node_state const& node) const;

 private:
  struct score;
  bool suits(shape& s, node_state const& node) const;
  bool serves(shape& s, device_state const& d) const;
  bool has_free(shape& s, device_state const& d) const;
  score rate(shape& s, node_index index) const;
  void look_at(shape& s, node_index index, std::optional<score>& best) const;
  void find_in(shape& s, room_index::nodes_of_kind const& kind, std::optional<score>& best) const;
  bool find_shared(shape& s, room_index::nodes_of_kind const& kind,
                   std::optional<score>& best) const;
  std::vector<device_state const*> choose(shape& s, node_state const& node) const;

  cluster& nodes_;
  bool share_between_tenants_;
};

}  // namespace nsai::scheduling
