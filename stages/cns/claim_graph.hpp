#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "stages/cns/sno.hpp"

namespace nsai::stages {

/// Claims and their relations as a graph.
///
/// As an undirected complex: each pair of claims with a relation, of whatever kinds, directions and
/// number, is one edge. A relation of a claim with itself is neither an edge (a simplicial complex
/// has no such edge) nor a directed cycle; it is counted. Relations with a claim that is not there
/// are left out and counted.
///
/// As a directed graph: `supports` and `refutes`, each pair of ends once; `contradicts` has no
/// direction and makes no cycle.
class claim_graph {
 public:
  using pair = std::pair<std::size_t, std::size_t>;  // of vertices, first < second in `edges`

  claim_graph() = default;
  /// Ids that came before count as one vertex.
  claim_graph(std::span<std::string const> ids, std::span<claim_relation const> relations);

  std::vector<std::string> const& ids() const { return ids_; }  // vertices, in the order given
  std::optional<std::size_t> find(std::string const& id) const;
  std::vector<pair> const& edges() const { return edges_; }  // ascending
  std::vector<std::vector<std::size_t>> const& neighbours() const { return neighbours_; }
  std::int64_t self_relations() const { return self_relations_; }
  std::int64_t unknown_ends() const { return unknown_ends_; }

  /// Vertices of each connected component, ascending; components by their first vertex.
  std::vector<std::vector<std::size_t>> components() const;

  /// edges - vertices + components: the number of independent loops.
  std::int64_t beta1() const;

  /// Strongly connected components of two claims or more, ascending, by their first vertex. Tarjan
  /// 1972, "Depth-first search and linear graph algorithms".
  std::vector<std::vector<std::size_t>> knots() const;

  /// Elementary directed cycles, each from its lowest vertex, in lexical order within a start; at
  /// most `most` of them and none longer than `longest`. `complete` is false where one of the two
  /// bounds, or that of the search (10,000 steps a cycle that is allowed for), may have left some
  /// out.
  struct cycle_list {
    std::vector<std::vector<std::size_t>> cycles;
    bool complete = true;
  };
  cycle_list cycles(std::size_t most = 1000, std::size_t longest = 12) const;

  /// Claims that one claim or more supports and one or more (another or the same) refutes.
  std::vector<std::size_t> polarity_conflicts() const;

  /// Pairs that contradict each other, or of which one both supports and refutes the other.
  std::vector<pair> contradictory_pairs() const;

  /// Pairs with a relation `refutes` or `contradicts`.
  std::vector<pair> opposed_pairs() const;

  /// Edges that lie on a loop: all but the bridges. beta1 of the graph is that of these edges.
  std::vector<pair> loop_edges() const;

 private:
  std::vector<std::string> ids_;
  std::map<std::string, std::size_t> by_id_;
  std::vector<pair> edges_;
  std::vector<std::vector<std::size_t>> neighbours_;  // ascending
  std::vector<std::vector<std::size_t>> successors_;  // ascending
  std::vector<pair> supports_, refutes_;              // from, to
  std::vector<pair> contradicts_;                     // first < second
  std::int64_t self_relations_ = 0;
  std::int64_t unknown_ends_ = 0;
};

/// beta1 of a graph with these edges (first < second, each once) between `vertices` vertices.
std::int64_t beta1_of(std::span<claim_graph::pair const> edges, std::size_t vertices);

/// Edges (first < second, ascending, each once) after every vertex v became into[v]; edges within
/// one are gone.
std::vector<claim_graph::pair> contracted(std::span<claim_graph::pair const> edges,
                                          std::span<std::size_t const> into);

}  // namespace nsai::stages
