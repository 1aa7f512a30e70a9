#pragma once

#include <cstdint>
#include <stop_token>
#include <vector>

#include "stages/cns/claim_graph.hpp"

/// Which claims of a graph are worth merging.
namespace nsai::stages {

/// Claims that hang together by edges on loops, opposed pairs (refutes, contradicts) and edges
/// within a knot of directed cycles. Bridges between clusters are on no loop, so that merging
/// within clusters lowers the beta1 of the whole graph by the sum of what it lowers in each.
struct claim_cluster {
  std::vector<std::size_t> claims;         // vertices of the graph, ascending
  std::vector<claim_graph::pair> edges;    // all edges of the graph between them, ascending
  std::vector<claim_graph::pair> opposed;  // of those
  std::int64_t beta1 = 0;
};

/// By their first claim. Claims that are in no loop, contradiction or knot are in no cluster.
std::vector<claim_cluster> clusters_of(claim_graph const& graph);

/// What merging these claims of a cluster into one would leave.
struct merge_step {
  std::vector<std::size_t> claims;  // ascending; with those that were merged before
  std::int64_t beta1 = 0;           // of the cluster, after it
  std::int64_t opposed = 0;         // pairs that are still apart
};

/// Ways to go on from `merged` (none: to begin), best first: the least beta1, then the fewest
/// opposed pairs, the fewest claims, the lowest claims. Each adds the shortest loop through one
/// edge, or one opposed pair, in the graph where `merged` is one vertex, and touches that vertex
/// where there is one; where neither is left, the two ends of an edge. Of large clusters the first
/// 500 edges and the first 500 opposed pairs (ascending) are looked at. Throws compute_stopped.
std::vector<merge_step> merge_steps(claim_cluster const& cluster,
                                    std::vector<std::size_t> const& merged,
                                    std::stop_token const& stop = {});

}  // namespace nsai::stages
