#include "stages/cns/merging.hpp"

#include <algorithm>
#include <limits>
#include <set>
#include <tuple>

#include "stages/compute.hpp"

namespace nsai::stages {
namespace {

constexpr std::size_t most_tries = 500;
constexpr auto unseen = std::numeric_limits<std::size_t>::max();

/// A cluster in numbers of its own, with some claims as one vertex.
class merged_view {
 public:
  merged_view(claim_cluster const& cluster, std::vector<std::size_t> const& merged)
      : cluster_(cluster), merged_(merged), into_(cluster.claims.size()) {
    for (std::size_t i = 0; i < into_.size(); ++i)
      into_[i] = i;
    for (auto const claim : merged)
      into_[local(claim)] = local(merged.front());
    for (auto const& [a, b] : cluster.edges)
      edges_.emplace_back(local(a), local(b));
    for (auto const& [a, b] : cluster.opposed)
      opposed_.emplace_back(local(a), local(b));
    left_ = contracted(edges_, into_);
    next_.resize(into_.size());
    for (auto const& [a, b] : left_) {
      next_[a].push_back(b);
      next_[b].push_back(a);
    }
  }

  std::vector<merge_step> steps(std::stop_token const& stop) const {
    compute_hooks const hooks{stop, nullptr};
    auto const near = touching(left_);
    std::set<std::vector<std::size_t>> ways;
    for (auto const& edge : near) {
      tell_progress(hooks, 0);
      if (auto loop = shortest_loop(edge); !loop.empty())
        ways.insert(std::move(loop));
    }
    for (auto const& edge : touching(contracted(opposed_, into_)))
      ways.insert(whole({edge.first, edge.second}));
    if (ways.empty())
      for (auto const& edge : near)
        ways.insert(whole({edge.first, edge.second}));
    std::vector<merge_step> steps;
    for (auto const& way : ways) {
      tell_progress(hooks, 0);
      steps.push_back(step_of(way));
    }
    std::stable_sort(steps.begin(), steps.end(), [](merge_step const& a, merge_step const& b) {
      return std::tuple{a.beta1, a.opposed, a.claims.size()} <
             std::tuple{b.beta1, b.opposed, b.claims.size()};
    });
    return steps;
  }

  merge_step step_of(std::vector<std::size_t> const& way) const {
    merge_step step;
    auto into = into_;
    for (auto const v : way)
      into[v] = way.front();
    step.beta1 = beta1_of(contracted(edges_, into), into.size());
    step.opposed = std::ssize(contracted(opposed_, into));
    for (auto const v : way)
      step.claims.push_back(cluster_.claims[v]);
    return step;
  }

 private:
  std::size_t local(std::size_t claim) const {
    return static_cast<std::size_t>(
        std::lower_bound(cluster_.claims.begin(), cluster_.claims.end(), claim) -
        cluster_.claims.begin());
  }

  /// The first of those edges that touch what is merged.
  std::vector<claim_graph::pair> touching(std::vector<claim_graph::pair> const& edges) const {
    auto const s = merged_.empty() ? unseen : into_[local(merged_.front())];
    std::vector<claim_graph::pair> found;
    for (auto const& edge : edges)
      if (found.size() < most_tries && (s == unseen || edge.first == s || edge.second == s))
        found.push_back(edge);
    return found;
  }

  /// All claims that these vertices stand for, ascending.
  std::vector<std::size_t> whole(std::vector<std::size_t> const& vertices) const {
    std::vector<bool> inside(into_.size());
    for (auto const v : vertices)
      inside[v] = true;
    std::vector<std::size_t> all;
    for (std::size_t v = 0; v < into_.size(); ++v)
      if (inside[into_[v]])
        all.push_back(v);
    return all;
  }

  /// Breadth first from one end to the other, not by the edge itself. Empty: the edge is a bridge.
  std::vector<std::size_t> shortest_loop(claim_graph::pair const& edge) const {
    std::vector<std::size_t> before(into_.size(), unseen), queue{edge.first};
    before[edge.first] = edge.first;
    for (std::size_t at = 0; at < queue.size() && before[edge.second] == unseen; ++at)
      for (auto const to : next_[queue[at]])
        if (before[to] == unseen && !(queue[at] == edge.first && to == edge.second)) {
          before[to] = queue[at];
          queue.push_back(to);
        }
    if (before[edge.second] == unseen)
      return {};
    std::vector<std::size_t> loop{edge.first};
    for (auto v = edge.second; v != edge.first; v = before[v])
      loop.push_back(v);
    return whole(loop);
  }

  claim_cluster const& cluster_;
  std::vector<std::size_t> const& merged_;
  std::vector<std::size_t> into_;
  std::vector<claim_graph::pair> edges_, opposed_, left_;
  std::vector<std::vector<std::size_t>> next_;
};

}  // namespace

std::vector<claim_cluster> clusters_of(claim_graph const& graph) {
  auto binding = graph.loop_edges();
  auto const opposed = graph.opposed_pairs();
  binding.insert(binding.end(), opposed.begin(), opposed.end());
  std::vector<std::size_t> knot_of(graph.ids().size(), unseen);
  auto const knots = graph.knots();
  for (std::size_t k = 0; k < knots.size(); ++k)
    for (auto const v : knots[k])
      knot_of[v] = k;
  for (auto const& edge : graph.edges())
    if (knot_of[edge.first] != unseen && knot_of[edge.first] == knot_of[edge.second])
      binding.push_back(edge);

  std::vector<claim_relation> relations;
  for (auto const& edge : binding)
    relations.push_back(
        {graph.ids()[edge.first], relation_kind::contradicts, graph.ids()[edge.second]});
  std::vector<claim_cluster> clusters;
  std::vector<std::size_t> cluster_of(graph.ids().size(), unseen);
  for (auto& component : claim_graph{graph.ids(), relations}.components()) {
    if (component.size() < 2)
      continue;
    for (auto const v : component)
      cluster_of[v] = clusters.size();
    clusters.push_back({std::move(component), {}, {}, 0});
  }
  auto const within = [&](claim_graph::pair const& edge) {
    return cluster_of[edge.first] != unseen && cluster_of[edge.first] == cluster_of[edge.second];
  };
  for (auto const& edge : graph.edges())
    if (within(edge))
      clusters[cluster_of[edge.first]].edges.push_back(edge);
  for (auto const& edge : opposed)
    if (within(edge))
      clusters[cluster_of[edge.first]].opposed.push_back(edge);
  for (auto& each : clusters)  // connected, by what it is made of
    each.beta1 = std::ssize(each.edges) - std::ssize(each.claims) + 1;
  return clusters;
}

std::vector<merge_step> merge_steps(claim_cluster const& cluster,
                                    std::vector<std::size_t> const& merged,
                                    std::stop_token const& stop) {
  return merged_view{cluster, merged}.steps(stop);
}

}  // namespace nsai::stages
