#include "stages/vietoris_rips.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <numeric>
#include <stdexcept>
#include <string>
#include <unordered_map>
#include <utility>

namespace nsai::stages {
namespace {

constexpr auto infinity = std::numeric_limits<float>::infinity();

using vertex = std::uint32_t;

/// In filtration order: by diameter, then as the combinatorial number system counts. Its place in
/// this order is its rank. Triangles come in the order of their last edge, then of the vertex
/// opposite to it, which refines the order of their diameters.
struct edge {
  float diameter;
  vertex high;
  vertex low;

  friend auto operator<=>(edge const&, edge const&) = default;
};

struct vertex_pair {
  vertex high;
  vertex low;
};

/// A symmetric relation of the points.
class bit_matrix {
 public:
  using word = std::uint64_t;
  static constexpr std::size_t word_bits = 64;

  explicit bit_matrix(std::size_t points)
      : words_((points + word_bits - 1) / word_bits), bits_(points * words_) {}

  std::size_t words() const { return words_; }
  word* row(vertex v) { return bits_.data() + v * words_; }
  word const* row(vertex v) const { return bits_.data() + v * words_; }

  bool test(vertex a, vertex b) const { return (row(a)[b / word_bits] >> b % word_bits & 1) != 0; }

  void flip(vertex a, vertex b) {
    row(a)[b / word_bits] ^= word{1} << b % word_bits;
    row(b)[a / word_bits] ^= word{1} << a % word_bits;
  }

 private:
  std::size_t words_;
  std::vector<word> bits_;
};

/// The lowest bit of the words that `word_at` computes.
template <class Function>
std::optional<vertex> first_bit(std::size_t words, Function const& word_at) {
  for (std::size_t w = 0; w < words; ++w)
    if (bit_matrix::word const bits = word_at(w); bits != 0)
      return static_cast<vertex>(w * bit_matrix::word_bits +
                                 static_cast<std::size_t>(std::countr_zero(bits)));
  return std::nullopt;
}

/// The graph of the edges before a rank.
class growing_graph {
 public:
  growing_graph(std::vector<edge> edges, std::size_t points)
      : edges_(std::move(edges)), neighbours_(points) {}

  std::vector<edge> const& edges() const { return edges_; }
  bit_matrix const& neighbours() const { return neighbours_; }

  void move_to(std::size_t rank) {
    for (; rank_ < rank; ++rank_)
      neighbours_.flip(edges_[rank_].high, edges_[rank_].low);
    for (; rank_ > rank; --rank_)
      neighbours_.flip(edges_[rank_ - 1].high, edges_[rank_ - 1].low);
  }

  /// The lowest vertex that makes a triangle with `e`: when the graph ends before `e`, the two are
  /// an apparent pair.
  std::optional<vertex> first_common(edge const& e) const {
    auto const* high = neighbours_.row(e.high);
    auto const* low = neighbours_.row(e.low);
    return first_bit(neighbours_.words(), [=](std::size_t w) { return high[w] & low[w]; });
  }

 private:
  std::vector<edge> edges_;
  bit_matrix neighbours_;
  std::size_t rank_ = 0;
};

/// A sum of edges over Z/2.
class cochain {
 public:
  explicit cochain(std::size_t points) : edges_(points), is_touched_(points) {}

  void clear() {
    for (auto const v : touched_) {
      std::fill_n(edges_.row(v), edges_.words(), 0);
      is_touched_[v] = 0;
    }
    touched_.clear();
  }

  void add(vertex a, vertex b) {
    edges_.flip(a, b);
    for (auto const v : {a, b})
      if (std::exchange(is_touched_[v], char{1}) == 0)
        touched_.push_back(v);
  }

  /// The lowest vertex that makes a triangle of the coboundary with `e`.
  std::optional<vertex> first_odd(edge const& e, bit_matrix const& neighbours) const {
    if (is_touched_[e.high] == 0 && is_touched_[e.low] == 0)
      return std::nullopt;
    auto const own = edges_.test(e.high, e.low) ? ~bit_matrix::word{0} : 0;
    auto const* high = edges_.row(e.high);
    auto const* low = edges_.row(e.low);
    auto const* to_high = neighbours.row(e.high);
    auto const* to_low = neighbours.row(e.low);
    return first_bit(edges_.words(), [=](std::size_t w) {
      return to_high[w] & to_low[w] & (high[w] ^ low[w] ^ own);
    });
  }

  void append_to(std::vector<vertex_pair>& pairs) const {
    for (auto const high : touched_)
      for (std::size_t w = 0; w <= high / bit_matrix::word_bits; ++w)
        for (auto bits = edges_.row(high)[w]; bits != 0; bits &= bits - 1) {
          auto const low = static_cast<vertex>(w * bit_matrix::word_bits +
                                               static_cast<std::size_t>(std::countr_zero(bits)));
          if (low < high)
            pairs.push_back({high, low});
        }
  }

 private:
  bit_matrix edges_;
  std::vector<char> is_touched_;
  std::vector<vertex> touched_;
};

class components {
 public:
  explicit components(std::size_t points) : parents_(points) {
    std::iota(parents_.begin(), parents_.end(), vertex{0});
  }

  /// Whether they were two components.
  bool join(vertex a, vertex b) {
    a = root(a);
    b = root(b);
    parents_[std::max(a, b)] = std::min(a, b);
    return a != b;
  }

 private:
  vertex root(vertex v) {
    while (parents_[v] != v)
      v = parents_[v] = parents_[parents_[v]];
    return v;
  }

  std::vector<vertex> parents_;
};

/// Reduces the coboundary matrix of the edges, the last edge first.
class reduction {
 public:
  reduction(growing_graph& graph, std::size_t points, std::stop_token const& stop)
      : graph_(graph), points_(points), stop_(stop), column_(points) {}

  /// Where the loop that the edge of this rank starts ends: the diameter of the triangle that it is
  /// paired with, infinity without one. Meaningless after a stop.
  ///
  /// The column's triangles are looked at in order, and each is removed by the reduced column that
  /// has it as pivot. So the column is 0 before the edge that the walk has come to.
  float death_of(std::size_t start) {
    column_.clear();
    column_.add(edge_at(start).high, edge_at(start).low);
    for (auto rank = start + 1; rank < graph_.edges().size() && !stop_.stop_requested(); ++rank) {
      auto const& e = edge_at(rank);
      graph_.move_to(rank);
      while (auto const opposite = column_.first_odd(e, graph_.neighbours()))
        if (!add_column_of(rank, *opposite)) {
          keep(rank, *opposite);
          return e.diameter;
        }
    }
    return infinity;
  }

 private:
  /// kept_[begin .. end): the edges whose coboundaries make up a reduced column.
  struct range {
    std::size_t begin;
    std::size_t end;
  };

  edge const& edge_at(std::size_t rank) const { return graph_.edges()[rank]; }

  std::uint64_t number_of(std::size_t rank, vertex opposite) const {
    return std::uint64_t{rank} * points_ + opposite;
  }

  /// Whether there is a reduced column with this triangle as pivot: that of the edge itself in an
  /// apparent pair, or one that was kept.
  bool add_column_of(std::size_t rank, vertex opposite) {
    auto const& e = edge_at(rank);
    if (graph_.first_common(e) == opposite) {
      column_.add(e.high, e.low);
      return true;
    }
    auto const found = columns_.find(number_of(rank, opposite));
    if (found == columns_.end())
      return false;
    for (auto i = found->second.begin; i < found->second.end; ++i)
      column_.add(kept_[i].high, kept_[i].low);
    return true;
  }

  void keep(std::size_t rank, vertex opposite) {
    auto const begin = kept_.size();
    column_.append_to(kept_);
    columns_.emplace(number_of(rank, opposite), range{begin, kept_.size()});
  }

  growing_graph& graph_;
  std::size_t points_;
  std::stop_token const& stop_;
  cochain column_;
  std::vector<vertex_pair> kept_;
  std::unordered_map<std::uint64_t, range> columns_;
};

std::string text(float value) {
  std::array<char, 32> digits;
  auto const end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
  return {digits.data(), end};
}

std::string entry(std::size_t row, std::size_t column) {
  return "distances[" + std::to_string(row) + "][" + std::to_string(column) + "]";
}

[[noreturn]] void refuse(std::string const& what, std::string const& value,
                         std::string const& expected) {
  throw std::invalid_argument(what + ": " + value + " is not allowed; expected " + expected);
}

void check(std::span<float const> distances, std::size_t points) {
  auto const fits = points == 0
                        ? distances.empty()
                        : distances.size() % points == 0 && distances.size() / points == points;
  if (!fits)
    refuse("distances", "a length of " + std::to_string(distances.size()),
           "the square of " + std::to_string(points) + ", the number of points");
  for (std::size_t i = 0; i < points; ++i)
    for (std::size_t j = 0; j <= i; ++j) {
      auto const value = distances[i * points + j];
      auto const mirrored = distances[j * points + i];
      if (!std::isfinite(value) || value < 0)
        refuse(entry(i, j), text(value), "a finite number from 0 on");
      if (i == j && value != 0)
        refuse(entry(i, j), text(value), "0, a point's distance from itself");
      if (mirrored != value)
        refuse(entry(j, i), text(mirrored), text(value) + " as " + entry(i, j));
    }
}

std::vector<edge> edges_up_to(float upper_scale, std::span<float const> distances,
                              std::size_t points) {
  auto const entries =
      std::count_if(distances.begin(), distances.end(), [&](float d) { return d <= upper_scale; });
  std::vector<edge> edges;
  edges.reserve((static_cast<std::size_t>(entries) - points) / 2);  // less the diagonal, each once
  for (vertex high = 0; high < points; ++high)
    for (vertex low = 0; low < high; ++low)
      if (auto const diameter = distances[high * points + low]; diameter <= upper_scale)
        edges.push_back({diameter, high, low});
  std::sort(edges.begin(), edges.end());
  return edges;
}

/// Adds the bars of components and returns the ranks of the edges that start a loop: those that
/// close a cycle but no triangle. (Clearing: an edge that joins components starts none. Any other
/// is in an apparent pair, which ends its loop at once.)
std::vector<std::size_t> starts_of_loops(growing_graph& graph, std::size_t points,
                                         std::stop_token const& stop,
                                         std::vector<persistence_bar>& bars) {
  std::vector<std::size_t> starts;
  components joined{points};
  auto alive = points;
  for (std::size_t rank = 0; rank < graph.edges().size() && !stop.stop_requested(); ++rank) {
    auto const& e = graph.edges()[rank];
    graph.move_to(rank);
    if (joined.join(e.high, e.low)) {
      --alive;
      if (e.diameter > 0)
        bars.push_back({0, e.diameter});
    } else if (!graph.first_common(e)) {
      starts.push_back(rank);
    }
  }
  bars.insert(bars.end(), alive, {0, infinity});
  return starts;
}

std::int64_t alive_at(std::vector<persistence_bar> const& bars, float scale) {
  return std::count_if(bars.begin(), bars.end(),
                       [&](auto const& b) { return b.birth <= scale && scale < b.death; });
}

float length(persistence_bar const& bar, float upper_scale) {
  return std::min(bar.death, upper_scale) - bar.birth;
}

}  // namespace

float enclosing_radius(std::span<float const> distances, std::size_t points) {
  auto radius = points == 0 ? 0 : infinity;
  for (std::size_t i = 0; i < points; ++i) {
    auto const row = distances.subspan(i * points, points);
    radius = std::min(radius, *std::max_element(row.begin(), row.end()));
  }
  return radius;
}

rips_persistence vietoris_rips(std::span<float const> distances, std::size_t points,
                               std::optional<float> upper_scale, std::stop_token const& stop) {
  check(distances, points);
  if (upper_scale && !(*upper_scale >= 0))
    refuse("upper_scale", text(*upper_scale), "a number from 0 on");
  rips_persistence result;
  result.upper_scale =
      std::min(enclosing_radius(distances, points), upper_scale.value_or(infinity));

  growing_graph graph{edges_up_to(result.upper_scale, distances, points), points};
  auto const starts = starts_of_loops(graph, points, stop, result.h0);
  reduction reduced{graph, points, stop};
  for (auto start = starts.rbegin(); start != starts.rend() && !stop.stop_requested(); ++start) {
    auto const birth = graph.edges()[*start].diameter;
    if (auto const death = reduced.death_of(*start); death > birth)
      result.h1.push_back({birth, death});
  }
  if (stop.stop_requested())
    return {result.upper_scale, true, {}, {}};
  std::sort(result.h1.begin(), result.h1.end(), [](auto const& a, auto const& b) {
    return std::pair{a.birth, a.death} < std::pair{b.birth, b.death};
  });
  return result;
}

std::int64_t betti0(rips_persistence const& result, float scale) {
  return alive_at(result.h0, scale);
}

std::int64_t betti1(rips_persistence const& result, float scale) {
  return alive_at(result.h1, scale);
}

std::vector<std::int64_t> betti1_curve(rips_persistence const& result,
                                       std::span<float const> scales) {
  std::vector<std::int64_t> curve;
  for (auto const scale : scales)
    curve.push_back(betti1(result, scale));
  return curve;
}

float max_persistence(rips_persistence const& result) {
  float longest = 0;
  for (auto const& bar : result.h1)
    longest = std::max(longest, length(bar, result.upper_scale));
  return longest;
}

double total_persistence(rips_persistence const& result) {
  double total = 0;
  for (auto const& bar : result.h1)
    total += length(bar, result.upper_scale);
  return total;
}

}  // namespace nsai::stages
