#include "stages/vietoris_rips.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <map>
#include <numbers>
#include <numeric>
#include <random>
#include <set>
#include <stdexcept>
#include <string>
#include <tuple>

#include <doctest/doctest.h>

using namespace nsai::stages;

namespace {

constexpr auto infinity = std::numeric_limits<float>::infinity();
constexpr auto root2 = std::numbers::sqrt2_v<float>;
constexpr auto root3 = std::numbers::sqrt3_v<float>;

using bars = std::vector<persistence_bar>;

struct metric {
  std::size_t points = 0;
  std::vector<float> distances;

  float operator()(std::size_t i, std::size_t j) const { return distances[i * points + j]; }
};

/// `distance` is asked once for each i > j.
template <class Distance>
metric metric_of(std::size_t points, Distance const& distance) {
  metric m{points, std::vector<float>(points * points)};
  for (std::size_t i = 0; i < points; ++i)
    for (std::size_t j = 0; j < i; ++j)
      m.distances[i * points + j] = m.distances[j * points + i] =
          static_cast<float>(distance(i, j));
  return m;
}

metric plane(std::vector<std::array<double, 2>> const& at) {
  return metric_of(at.size(), [&](std::size_t i, std::size_t j) {
    return std::hypot(at[i][0] - at[j][0], at[i][1] - at[j][1]);
  });
}

/// On the unit circle. Equal numbers of steps give equal distances, which coordinates would not.
metric regular_polygon(std::size_t points) {
  return metric_of(points, [&](std::size_t i, std::size_t j) {
    auto const steps = static_cast<double>(std::min(i - j, points - (i - j)));
    return 2 * std::sin(std::numbers::pi * steps / static_cast<double>(points));
  });
}

/// Points are the faces of a complex, given by its triangles as sets of vertices; faces of which
/// one is in the other are at 1, others at 2. At scale 1 that is the barycentric subdivision.
metric subdivision(std::vector<unsigned> const& triangles) {
  std::set<unsigned> faces;
  for (auto const t : triangles)
    for (auto face = t; face != 0; face = (face - 1) & t)
      faces.insert(face);
  std::vector<unsigned> const at(faces.begin(), faces.end());
  return metric_of(at.size(), [&](std::size_t i, std::size_t j) {
    return (at[i] & at[j]) == at[i] || (at[i] & at[j]) == at[j] ? 1 : 2;
  });
}

unsigned vertices(unsigned a, unsigned b, unsigned c) {
  return 1U << a | 1U << b | 1U << c;
}

rips_persistence persistence(metric const& m, std::optional<float> upper_scale = std::nullopt) {
  return vietoris_rips(m.distances, m.points, upper_scale);
}

bars sorted(bars unsorted) {
  std::sort(unsorted.begin(), unsorted.end(), [](auto const& a, auto const& b) {
    return std::pair{a.birth, a.death} < std::pair{b.birth, b.death};
  });
  return unsorted;
}

/// Homology by columns of the boundary matrix of all simplices with up to three vertices, which are
/// added until no two have the same lowest entry.
rips_persistence by_boundary_matrix(metric const& m, float upper_scale) {
  struct simplex {
    float diameter;
    std::vector<std::size_t> vertices;
  };
  std::vector<simplex> simplices;
  for (std::size_t a = 0; a < m.points; ++a) {
    simplices.push_back({0, {a}});
    for (auto b = a + 1; b < m.points; ++b) {
      simplices.push_back({m(a, b), {a, b}});
      for (auto c = b + 1; c < m.points; ++c)
        simplices.push_back({std::max({m(a, b), m(a, c), m(b, c)}), {a, b, c}});
    }
  }
  std::erase_if(simplices, [&](auto const& s) { return s.diameter > upper_scale; });
  std::sort(simplices.begin(), simplices.end(), [](auto const& s, auto const& t) {
    return std::tuple{s.diameter, s.vertices.size(), s.vertices} <
           std::tuple{t.diameter, t.vertices.size(), t.vertices};
  });
  std::map<std::vector<std::size_t>, std::size_t> places;
  std::map<std::size_t, std::set<std::size_t>> reduced;  // by lowest entry
  std::map<std::size_t, float> deaths;                   // of those that start a class
  for (std::size_t place = 0; place < simplices.size(); ++place) {
    auto const& s = simplices[place];
    places[s.vertices] = place;
    std::set<std::size_t> column;
    auto const add = [&](std::size_t entry) {
      if (!column.erase(entry))
        column.insert(entry);
    };
    for (std::size_t left_out = 0; s.vertices.size() > 1 && left_out < s.vertices.size();
         ++left_out) {
      auto facet = s.vertices;
      facet.erase(facet.begin() + static_cast<std::ptrdiff_t>(left_out));
      add(places.at(facet));
    }
    while (!column.empty() && reduced.contains(*column.rbegin()))
      for (auto const entry : reduced.at(*column.rbegin()))
        add(entry);
    if (column.empty()) {
      deaths[place] = infinity;
    } else {
      deaths[*column.rbegin()] = s.diameter;
      reduced[*column.rbegin()] = column;
    }
  }
  rips_persistence result;
  for (auto const& [place, death] : deaths) {
    auto const& s = simplices[place];
    if (death > s.diameter && s.vertices.size() < 3)
      (s.vertices.size() == 1 ? result.h0 : result.h1).push_back({s.diameter, death});
  }
  return {upper_scale, false, sorted(result.h0), sorted(result.h1)};
}

void check_equal(rips_persistence const& result, rips_persistence const& expected) {
  CHECK(result.h0 == expected.h0);
  CHECK(result.h1 == expected.h1);
}

/// Runs `test` with 200 generators. NSAI_TEST_SEED gives the first seed.
template <class Test>
void with_seeds(Test const& test) {
  char const* given = std::getenv("NSAI_TEST_SEED");
  unsigned const first =
      given != nullptr ? static_cast<unsigned>(std::atoi(given)) : std::random_device{}();
  for (unsigned seed = first; seed != first + 200; ++seed) {
    CAPTURE(seed);
    std::mt19937 random{seed};
    test(random);
  }
}

std::size_t draw(std::mt19937& random, std::size_t least, std::size_t most) {
  return std::uniform_int_distribution<std::size_t>{least, most}(random);
}

metric random_plane(std::mt19937& random, std::size_t points) {
  std::uniform_real_distribution<double> coordinate;
  std::vector<std::array<double, 2>> at(points);
  for (auto& [x, y] : at) {
    x = coordinate(random);
    y = coordinate(random);
  }
  return plane(at);
}

/// Whole numbers from `least`; from 2 to 4 and the like a metric, from 0 none.
metric random_ties(std::mt19937& random, std::size_t points, std::size_t least, std::size_t most) {
  return metric_of(points, [&](std::size_t, std::size_t) { return draw(random, least, most); });
}

metric random_metric(std::mt19937& random, std::size_t points) {
  switch (draw(random, 0, 3)) {
    case 0:
      return random_plane(random, points);
    case 1:
      return random_ties(random, points, 2, 4);
    case 2:
      return random_ties(random, points, 0, 3);
    default:
      return random_ties(random, points, 1, 100);
  }
}

std::string refusal(std::vector<float> const& distances, std::size_t points,
                    std::optional<float> upper_scale = std::nullopt) {
  try {
    vietoris_rips(distances, points, upper_scale);
  } catch (std::invalid_argument const& e) {
    return e.what();
  }
  return "no refusal";
}

}  // namespace

TEST_CASE("Vietoris-Rips: no point, one point and equal points") {
  CHECK(persistence({}).h0.empty());
  CHECK(persistence({}).upper_scale == 0);
  CHECK(persistence({1, {0}}).h0 == bars{{0, infinity}});
  CHECK(persistence({3, std::vector<float>(9)}).h0 == bars{{0, infinity}});
  CHECK(persistence({3, std::vector<float>(9)}).h1.empty());
}

TEST_CASE("Vietoris-Rips: a triangle has no loop, its components end at the two shorter sides") {
  auto const result = persistence(plane({{0, 0}, {3, 0}, {0, 4}}));
  CHECK(result.h0 == bars{{0, 3}, {0, 4}, {0, infinity}});
  CHECK(result.h1.empty());
}

TEST_CASE("Vietoris-Rips: the loop of a square lasts from its side to its diagonal") {
  // Sides of 1 close the loop. The diagonals come together at sqrt 2, and the four triangles.
  auto const result = persistence(plane({{0, 0}, {1, 0}, {1, 1}, {0, 1}}));
  CHECK(result.h0 == bars{{0, 1}, {0, 1}, {0, 1}, {0, infinity}});
  CHECK(result.h1 == bars{{1, root2}});
  CHECK(result.upper_scale == root2);
}

TEST_CASE("Vietoris-Rips: two squares far apart have two loops, side by side a third") {
  auto const squares = [](double dy) {
    return persistence(plane(
        {{0, 0}, {1, 0}, {1, 1}, {0, 1}, {100, dy}, {101, dy}, {101, 1 + dy}, {100, 1 + dy}}));
  };
  // The nearest corners, (1, 1) and (100, 6), join the components. Each longer edge between the
  // squares is the longest of a triangle with a side and an edge before.
  auto const apart = squares(6);
  CHECK(apart.h0 == bars{{0, 1},
                         {0, 1},
                         {0, 1},
                         {0, 1},
                         {0, 1},
                         {0, 1},
                         {0, static_cast<float>(std::hypot(99, 5))},
                         {0, infinity}});
  CHECK(apart.h1 == bars{{1, root2}, {1, root2}});
  // Here two edges of 99 come at once, and with a side of each square make a rectangle.
  auto const rectangle = persistence_bar{99, static_cast<float>(std::hypot(99, 1))};
  CHECK(squares(0).h1 == bars{{1, root2}, {1, root2}, rectangle});
}

TEST_CASE("Vietoris-Rips: the loop of a regular hexagon ends at the inscribed triangles") {
  // Distances are 1 (sides), sqrt 3 (two steps) and 2 (opposite). At sqrt 3 all pairs are edges but
  // the three opposite ones: the graph of an octahedron, whose eight triangles make a sphere.
  auto const result = persistence(regular_polygon(6));
  CHECK(result.h1.size() == 1);
  CHECK(result.h1.at(0).birth == doctest::Approx(1));
  CHECK(result.h1.at(0).death == doctest::Approx(root3));
}

TEST_CASE("Vietoris-Rips: a circle of points has one loop, up to a third of the way around") {
  // With edges of up to k steps, n points on a circle make a circle as long as 0 < k/n < 1/3, then
  // spheres of dimension 2 and more (Adamaszek and Adams, "The Vietoris-Rips complexes of a
  // circle", 2017). So the loop ends with the first k >= n/3: for 39 points that is the inscribed
  // triangle.
  for (std::size_t const points : {39, 40, 41}) {
    CAPTURE(points);
    auto const m = regular_polygon(points);
    CHECK(persistence(m).h1 == bars{{m(1, 0), m((points + 2) / 3, 0)}});
  }
  auto const result = persistence(regular_polygon(40));
  CHECK(result.h1.at(0).birth == doctest::Approx(2 * std::sin(std::numbers::pi / 40)));
  CHECK(result.h1.at(0).death == doctest::Approx(2 * std::sin(14 * std::numbers::pi / 40)));
  CHECK(persistence(regular_polygon(39)).h1.at(0).death == doctest::Approx(root3));
}

TEST_CASE("Vietoris-Rips: surfaces have the loops that they have over Z/2") {
  // Over the rational numbers the projective plane would have none.
  auto const projective_plane =
      subdivision({vertices(0, 1, 2), vertices(0, 2, 3), vertices(0, 3, 4), vertices(0, 4, 5),
                   vertices(0, 5, 1), vertices(1, 2, 4), vertices(2, 3, 5), vertices(3, 4, 1),
                   vertices(4, 5, 2), vertices(5, 1, 3)});
  CHECK(projective_plane.points == 31);
  CHECK(persistence(projective_plane).h1 == bars{{1, 2}});
  std::vector<unsigned> torus;
  for (unsigned i = 0; i < 7; ++i) {
    torus.push_back(vertices(i, (i + 1) % 7, (i + 3) % 7));
    torus.push_back(vertices(i, (i + 2) % 7, (i + 3) % 7));
  }
  CHECK(subdivision(torus).points == 42);
  CHECK(persistence(subdivision(torus)).h1 == bars{{1, 2}, {1, 2}});
}

TEST_CASE("Vietoris-Rips: at the upper scale a loop that is there has no death") {
  auto const square = plane({{0, 0}, {1, 0}, {1, 1}, {0, 1}});
  CHECK(persistence(square, 1.25F).h1 == bars{{1, infinity}});
  CHECK(persistence(square, 1.25F).upper_scale == 1.25F);
  CHECK(persistence(square, 1.0F).h1 == bars{{1, infinity}});  // the scale itself is included
  CHECK(persistence(square, root2).h1 == bars{{1, root2}});
  auto const before = persistence(square, std::nextafter(1.0F, 0.0F));
  CHECK(before.h0 == bars(4, {0, infinity}));
  CHECK(before.h1.empty());
  auto const beyond = persistence(square, infinity);
  CHECK(beyond.upper_scale == root2);
  CHECK(beyond.h1 == bars{{1, root2}});
}

TEST_CASE("Vietoris-Rips: numbers of loops and lengths of bars") {
  rips_persistence const result{4, false, {{0, 1}, {0, infinity}}, {{1, 3}, {2, infinity}}};
  std::vector<float> const scales{0, 0.5, 1, 2, 2.5, 3, 4};
  CHECK(betti1_curve(result, scales) == std::vector<std::int64_t>{0, 0, 1, 2, 2, 1, 1});
  CHECK(betti1(result, 2) == 2);
  CHECK(betti0(result, 0.5) == 2);
  CHECK(betti0(result, 1) == 1);
  CHECK(max_persistence(result) == 2);
  CHECK(total_persistence(result) == 4);
  CHECK(max_persistence({}) == 0);
  CHECK(total_persistence({}) == 0);
}

TEST_CASE("Vietoris-Rips: the same bars as by reducing the boundary matrix of all simplices") {
  with_seeds([](std::mt19937& random) {
    auto const m = random_metric(random, draw(random, 1, 12));
    auto const largest = *std::max_element(m.distances.begin(), m.distances.end());
    check_equal(persistence(m), by_boundary_matrix(m, largest));
    auto const some = m.distances[draw(random, 0, m.distances.size() - 1)];
    auto const result = persistence(m, some);
    check_equal(result, by_boundary_matrix(m, result.upper_scale));
  });
}

TEST_CASE("Vietoris-Rips: more points than a word has bits, as by reducing the boundary matrix") {
  for (unsigned seed = 1; seed <= 3; ++seed) {
    CAPTURE(seed);
    std::mt19937 random{seed};
    for (auto const& m : {random_plane(random, 70), random_ties(random, 66, 5, 9)}) {
      auto const result = persistence(m, seed == 1 ? infinity : seed == 2 ? 0.25F : 6.0F);
      check_equal(result, by_boundary_matrix(m, result.upper_scale));
    }
  }
}

TEST_CASE("Vietoris-Rips: the order of the points changes no bar") {
  with_seeds([](std::mt19937& random) {
    auto const m = random_metric(random, draw(random, 2, 200));
    std::vector<std::size_t> order(m.points);
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::shuffle(order.begin(), order.end(), random);
    check_equal(persistence(metric_of(
                    m.points, [&](std::size_t i, std::size_t j) { return m(order[i], order[j]); })),
                persistence(m));
  });
}

TEST_CASE("Vietoris-Rips: distances times 4 give bars times 4") {
  with_seeds([](std::mt19937& random) {
    auto const m = random_metric(random, draw(random, 2, 40));
    auto expected = persistence(m);
    for (auto* scaled : {&expected.h0, &expected.h1})
      for (auto& bar : *scaled)
        bar = {4 * bar.birth, 4 * bar.death};
    check_equal(
        persistence(metric_of(m.points, [&](std::size_t i, std::size_t j) { return 4 * m(i, j); })),
        expected);
  });
}

TEST_CASE("Vietoris-Rips: without triangles there are edges - points + components loops") {
  with_seeds([](std::mt19937& random) {
    // Between two halves from 1 to 1.75, so that the first triangle comes with the 2 in a half.
    auto const m = metric_of(draw(random, 4, 24), [&](std::size_t i, std::size_t j) {
      return i % 2 == j % 2 ? 2 : 1 + 0.25 * static_cast<double>(draw(random, 0, 3));
    });
    auto const result = persistence(m);
    for (float const scale : {0.0F, 1.0F, 1.25F, 1.5F, 1.75F, std::nextafter(2.0F, 0.0F)}) {
      CAPTURE(scale);
      auto const edges = std::count_if(m.distances.begin(), m.distances.end(),
                                       [&](float d) { return d > 0 && d <= scale; }) /
                         2;
      CHECK(betti1(result, scale) ==
            edges - static_cast<std::int64_t>(m.points) + betti0(result, scale));
    }
    CHECK(betti1(result, 2) == 0);
  });
}

TEST_CASE("Vietoris-Rips: a refusal names row, column, value and expectation") {
  auto const nan = std::numeric_limits<float>::quiet_NaN();
  CHECK(refusal({0, 1, 1}, 2) ==
        "distances: a length of 3 is not allowed; expected the square of 2, the number of points");
  CHECK(refusal({0}, 0) ==
        "distances: a length of 1 is not allowed; expected the square of 0, the number of points");
  CHECK(refusal({}, std::size_t{1} << 63) ==
        "distances: a length of 0 is not allowed; expected the square of 9223372036854775808, the "
        "number of points");
  CHECK(refusal({0, 1, 2, 0}, 2) ==
        "distances[0][1]: 1 is not allowed; expected 2 as distances[1][0]");
  CHECK(refusal({0, -1, -1, 0}, 2) ==
        "distances[1][0]: -1 is not allowed; expected a finite number from 0 on");
  CHECK(refusal({0, infinity, infinity, 0}, 2) ==
        "distances[1][0]: inf is not allowed; expected a finite number from 0 on");
  CHECK(refusal({0, nan, nan, 0}, 2) ==
        "distances[1][0]: nan is not allowed; expected a finite number from 0 on");
  CHECK(refusal({0, nan, 1, 0}, 2) ==
        "distances[0][1]: nan is not allowed; expected 1 as distances[1][0]");
  CHECK(refusal({0, 1, 1, 1e-9F}, 2) ==
        "distances[1][1]: 1e-09 is not allowed; expected 0, a point's distance from itself");
  CHECK(refusal({0}, 1, -0.5F) == "upper_scale: -0.5 is not allowed; expected a number from 0 on");
  CHECK(refusal({0}, 1, nan) == "upper_scale: nan is not allowed; expected a number from 0 on");
  CHECK(refusal({0, 0, 0, 0}, 2, 0.0F) == "no refusal");
}

TEST_CASE("Vietoris-Rips: after a stop there are no bars, and the result says so") {
  auto const m = regular_polygon(40);
  std::stop_source source;
  auto const before = vietoris_rips(m.distances, m.points, std::nullopt, source.get_token());
  CHECK(!before.stopped);
  CHECK(before.h1.size() == 1);
  source.request_stop();
  auto const after = vietoris_rips(m.distances, m.points, std::nullopt, source.get_token());
  CHECK(after.stopped);
  CHECK(after.h0.empty());
  CHECK(after.h1.empty());
}
