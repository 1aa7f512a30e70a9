#include "stages/cns/claim_graph.hpp"

#include <algorithm>
#include <limits>
#include <numeric>

namespace nsai::stages {
namespace {

using graph_pair = claim_graph::pair;

constexpr auto no_vertex = std::numeric_limits<std::size_t>::max();
constexpr std::size_t steps_a_cycle = 10'000;

template <class T>
void sort_unique(std::vector<T>& list) {
  std::sort(list.begin(), list.end());
  list.erase(std::unique(list.begin(), list.end()), list.end());
}

graph_pair ascending(std::size_t a, std::size_t b) {
  return {std::min(a, b), std::max(a, b)};
}

class claim_sets {
 public:
  explicit claim_sets(std::size_t count) : parents_(count) {
    std::iota(parents_.begin(), parents_.end(), std::size_t{0});
  }
  std::size_t root(std::size_t v) {
    while (parents_[v] != v)
      v = parents_[v] = parents_[parents_[v]];
    return v;
  }
  bool join(std::size_t a, std::size_t b) {
    auto const [low, high] = ascending(root(a), root(b));
    parents_[high] = low;
    return low != high;
  }

 private:
  std::vector<std::size_t> parents_;
};

/// One depth-first walk with lowlinks, without recursion: texts of others make chains of any
/// length.
class tarjan {
 public:
  explicit tarjan(std::vector<std::vector<std::size_t>> const& next)
      : next_(next), order_(next.size(), no_vertex), low_(next.size()), open_(next.size()) {}

  std::vector<std::vector<std::size_t>> run() {
    for (std::size_t v = 0; v < next_.size(); ++v)
      if (order_[v] == no_vertex)
        walk(v);
    std::sort(found_.begin(), found_.end());
    return std::move(found_);
  }

 private:
  struct step {
    std::size_t vertex;
    std::size_t at;
  };

  void enter(std::size_t v) {
    order_[v] = low_[v] = count_++;
    open_[v] = true;
    stack_.push_back(v);
    path_.push_back({v, 0});
  }

  void walk(std::size_t start) {
    enter(start);
    while (!path_.empty()) {
      auto& here = path_.back();
      auto const v = here.vertex;
      if (here.at < next_[v].size()) {
        auto const to = next_[v][here.at++];
        if (order_[to] == no_vertex)
          enter(to);
        else if (open_[to])
          low_[v] = std::min(low_[v], order_[to]);
        continue;
      }
      path_.pop_back();
      if (!path_.empty())
        low_[path_.back().vertex] = std::min(low_[path_.back().vertex], low_[v]);
      if (low_[v] == order_[v])
        close(v);
    }
  }

  void close(std::size_t v) {
    std::vector<std::size_t> knot;
    do {
      knot.push_back(stack_.back());
      open_[stack_.back()] = false;
      stack_.pop_back();
    } while (knot.back() != v);
    std::sort(knot.begin(), knot.end());
    if (knot.size() > 1)
      found_.push_back(std::move(knot));
  }

  std::vector<std::vector<std::size_t>> const& next_;
  std::vector<std::size_t> order_, low_;
  std::vector<bool> open_;
  std::vector<std::size_t> stack_;
  std::vector<step> path_;
  std::vector<std::vector<std::size_t>> found_;
  std::size_t count_ = 0;
};

/// Walks all elementary paths within a knot from each start over higher vertices.
class cycle_search {
 public:
  cycle_search(std::vector<std::vector<std::size_t>> const& next, std::size_t most,
               std::size_t longest)
      : next_(next),
        most_(most),
        longest_(longest),
        steps_left_((most + 1) * steps_a_cycle),
        knot_of_(next.size(), no_vertex),
        on_path_(next.size()) {}

  claim_graph::cycle_list run(std::vector<std::vector<std::size_t>> const& knots) {
    for (std::size_t k = 0; k < knots.size(); ++k)
      for (auto const v : knots[k])
        knot_of_[v] = k;
    for (auto const& knot : knots)
      for (auto const start : knot)
        if (!from(start))
          return std::move(found_);
    return std::move(found_);
  }

 private:
  struct step {
    std::size_t vertex;
    std::size_t at;
  };

  /// False when a bound ended the search.
  bool from(std::size_t start) {
    path_ = {{start, 0}};
    on_path_[start] = true;
    bool go_on = true;
    while (!path_.empty()) {
      auto& here = path_.back();
      if (!go_on || here.at == next_[here.vertex].size()) {
        on_path_[here.vertex] = false;
        path_.pop_back();
        continue;
      }
      auto const to = next_[here.vertex][here.at++];
      go_on = take(start, to);
    }
    return go_on;
  }

  bool take(std::size_t start, std::size_t to) {
    if (steps_left_-- == 0)
      return found_.complete = false;
    if (to == start) {
      if (found_.cycles.size() == most_)
        return found_.complete = false;
      auto& cycle = found_.cycles.emplace_back();
      for (auto const& each : path_)
        cycle.push_back(each.vertex);
    } else if (to > start && knot_of_[to] == knot_of_[start] && !on_path_[to]) {
      if (path_.size() == longest_) {
        found_.complete = false;
      } else {
        path_.push_back({to, 0});
        on_path_[to] = true;
      }
    }
    return true;
  }

  std::vector<std::vector<std::size_t>> const& next_;
  std::size_t most_, longest_, steps_left_;
  std::vector<std::size_t> knot_of_;
  std::vector<bool> on_path_;
  std::vector<step> path_;
  claim_graph::cycle_list found_;
};

}  // namespace

claim_graph::claim_graph(std::span<std::string const> ids,
                         std::span<claim_relation const> relations) {
  for (auto const& id : ids)
    if (by_id_.emplace(id, ids_.size()).second)
      ids_.push_back(id);
  neighbours_.resize(ids_.size());
  successors_.resize(ids_.size());
  for (auto const& r : relations) {
    auto const from = find(r.from), to = find(r.to);
    if (!from || !to) {
      ++unknown_ends_;
      continue;
    }
    if (*from == *to) {
      ++self_relations_;
      continue;
    }
    edges_.push_back(ascending(*from, *to));
    if (r.kind == relation_kind::contradicts) {
      contradicts_.push_back(edges_.back());
      continue;
    }
    (r.kind == relation_kind::supports ? supports_ : refutes_).emplace_back(*from, *to);
    successors_[*from].push_back(*to);
  }
  for (auto* list : {&edges_, &supports_, &refutes_, &contradicts_})
    sort_unique(*list);
  for (auto const& [a, b] : edges_) {
    neighbours_[a].push_back(b);
    neighbours_[b].push_back(a);
  }
  for (auto& list : neighbours_)
    sort_unique(list);
  for (auto& list : successors_)
    sort_unique(list);
}

std::optional<std::size_t> claim_graph::find(std::string const& id) const {
  auto const found = by_id_.find(id);
  return found == by_id_.end() ? std::nullopt : std::optional{found->second};
}

std::vector<std::vector<std::size_t>> claim_graph::components() const {
  claim_sets sets{ids_.size()};
  for (auto const& [a, b] : edges_)
    sets.join(a, b);
  std::vector<std::vector<std::size_t>> found;
  std::vector<std::size_t> place(ids_.size(), no_vertex);
  for (std::size_t v = 0; v < ids_.size(); ++v) {
    auto& at = place[sets.root(v)];
    if (at == no_vertex) {
      at = found.size();
      found.emplace_back();
    }
    found[at].push_back(v);
  }
  return found;
}

std::int64_t claim_graph::beta1() const {
  return beta1_of(edges_, ids_.size());
}

std::vector<std::vector<std::size_t>> claim_graph::knots() const {
  return tarjan{successors_}.run();
}

claim_graph::cycle_list claim_graph::cycles(std::size_t most, std::size_t longest) const {
  return cycle_search{successors_, most, longest}.run(knots());
}

std::vector<std::size_t> claim_graph::polarity_conflicts() const {
  std::vector<std::size_t> supported, refuted, both;
  for (auto const& each : supports_)
    supported.push_back(each.second);
  for (auto const& each : refutes_)
    refuted.push_back(each.second);
  sort_unique(supported);
  sort_unique(refuted);
  std::set_intersection(supported.begin(), supported.end(), refuted.begin(), refuted.end(),
                        std::back_inserter(both));
  return both;
}

std::vector<claim_graph::pair> claim_graph::contradictory_pairs() const {
  auto pairs = contradicts_;
  std::vector<pair> both;
  std::set_intersection(supports_.begin(), supports_.end(), refutes_.begin(), refutes_.end(),
                        std::back_inserter(both));
  for (auto const& [from, to] : both)
    pairs.push_back(ascending(from, to));
  sort_unique(pairs);
  return pairs;
}

std::vector<claim_graph::pair> claim_graph::opposed_pairs() const {
  auto pairs = contradicts_;
  for (auto const& [from, to] : refutes_)
    pairs.push_back(ascending(from, to));
  sort_unique(pairs);
  return pairs;
}

std::vector<claim_graph::pair> claim_graph::loop_edges() const {
  // An edge is a bridge when no other way leads from the part that it opened back (Tarjan 1974).
  std::vector<std::size_t> order(ids_.size(), no_vertex), low(ids_.size()), above(ids_.size());
  struct step {
    std::size_t vertex;
    std::size_t at;
  };
  std::vector<pair> bridges, kept;
  std::size_t count = 0;
  for (std::size_t start = 0; start < ids_.size(); ++start) {
    if (order[start] != no_vertex)
      continue;
    std::vector<step> path{{start, 0}};
    above[start] = no_vertex;
    order[start] = low[start] = count++;
    while (!path.empty()) {
      auto& here = path.back();
      auto const v = here.vertex;
      if (here.at < neighbours_[v].size()) {
        auto const to = neighbours_[v][here.at++];
        if (order[to] == no_vertex) {
          order[to] = low[to] = count++;
          above[to] = v;
          path.push_back({to, 0});
        } else if (to != above[v]) {
          low[v] = std::min(low[v], order[to]);
        }
        continue;
      }
      path.pop_back();
      if (auto const up = above[v]; up != no_vertex) {
        low[up] = std::min(low[up], low[v]);
        if (low[v] > order[up])
          bridges.push_back(ascending(up, v));
      }
    }
  }
  std::sort(bridges.begin(), bridges.end());
  std::set_difference(edges_.begin(), edges_.end(), bridges.begin(), bridges.end(),
                      std::back_inserter(kept));
  return kept;
}

std::int64_t beta1_of(std::span<claim_graph::pair const> edges, std::size_t vertices) {
  claim_sets sets{vertices};
  auto components = static_cast<std::int64_t>(vertices);
  for (auto const& [a, b] : edges)
    components -= sets.join(a, b) ? 1 : 0;
  return static_cast<std::int64_t>(edges.size()) - static_cast<std::int64_t>(vertices) + components;
}

std::vector<claim_graph::pair> contracted(std::span<claim_graph::pair const> edges,
                                          std::span<std::size_t const> into) {
  std::vector<claim_graph::pair> left;
  for (auto const& [a, b] : edges)
    if (into[a] != into[b])
      left.push_back(ascending(into[a], into[b]));
  sort_unique(left);
  return left;
}

}  // namespace nsai::stages
