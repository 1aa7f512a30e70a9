#pragma once

#include <functional>
#include <string>
#include <vector>

#include "messages/explanation.hpp"
#include "scheduling/cluster.hpp"
#include "scheduling/placement.hpp"
#include "scheduling/service.hpp"
#include "scheduling/shapes.hpp"

namespace nsai::scheduling {

/// What keeps each node from the jobs of one shape. Holds references: valid until any of it
/// changes.
class node_survey {
 public:
  /// What holds for the node with this uuid.
  using services = std::function<service(std::string const&)>;

  /// `stage`: the name of the shape's.
  node_survey(cluster const& nodes, placement const& places, shape& s, std::string const& stage,
              services service_of);

  /// How far the node got that lacks least; `no_node` when there is none.
  wait_rule rule() const;
  /// The same in words: the first thing that no node has, or what is in use.
  std::string reason() const;
  /// The node that lacks least; nullptr: there is none.
  node_state const* best() const;
  /// Those that lack nothing but what others hold.
  std::vector<node_state const*> busy() const;
  /// Nodes that are alike, the largest class first.
  std::vector<node_class> classes() const;

 private:
  struct seen {
    node_state const* node;
    wait_rule rule;
  };

  wait_rule rule_of(node_state const& node) const;
  wait_rule rule_of_free(node_state const& node) const;
  bool has_time(node_state const& node) const;
  bool is_in_service(node_state const& node) const { return !node.draining && has_time(node); }
  std::vector<std::string> lacking_size(node_state const& node) const;
  std::string why(seen const& of) const;
  std::string why_not_in_service(node_state const& node) const;
  std::string why_quarantined(node_state const& node) const;
  std::string what_is_quarantined() const;
  std::string why_held(node_state const& node) const;
  std::string what_is_held() const;
  std::string models() const;
  bool has_instances() const;  // of divided GPUs, that match
  std::string offer(node_state const& node, bool free) const;
  std::string busy_reason() const;

  placement const& places_;
  shape& s_;
  std::string const& stage_;
  services const service_of_;
  timestamp const now_;
  std::vector<seen> all_;
};

}  // namespace nsai::scheduling
