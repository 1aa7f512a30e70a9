#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <stop_token>
#include <vector>

namespace nsai::stages {

/// A class of homology. It is there at every scale t with birth <= t < death; infinity: it is
/// still there at the upper scale.
struct persistence_bar {
  float birth = 0;
  float death = std::numeric_limits<float>::infinity();

  friend bool operator==(persistence_bar const&, persistence_bar const&) = default;
};

/// Bars of length 0 are left out.
struct rips_persistence {
  float upper_scale = 0;            // the scale that was used, in the unit of the distances
  bool stopped = false;             // a stop was asked for; then there are no bars
  std::vector<persistence_bar> h0;  // components, all born at 0; ascending deaths
  std::vector<persistence_bar> h1;  // loops; ascending births, then deaths
};

/// min over i of max over j of d(i, j); 0 without points. From this scale on the complex is a cone
/// over the best i: connected, and without loops.
/// `distances` as for vietoris_rips, unchecked.
float enclosing_radius(std::span<float const> distances, std::size_t points);

/// Persistent homology in dimensions 0 and 1, over Z/2, of the Vietoris-Rips filtration: at scale t
/// it has the edges with d <= t and the triangles whose three edges are there.
///
/// `distances`: points x points, row-major, finite, not negative, exactly symmetric, 0 on the
/// diagonal. The triangle inequality is not needed. `upper_scale`: where to end, 0 or more; without
/// one, and for any above it, the enclosing radius, beyond which nothing changes. A loop that is
/// there at the upper scale, which must then be less than the enclosing radius, has no death.
///
/// Equal input gives equal output. Ties of length are put in order by point numbers, which changes
/// no bar.
///
/// Throws std::invalid_argument that names row, column, value and expectation. A stop is noticed
/// within the time it takes to sort the distances.
///
/// Method: U. Bauer, "Ripser: efficient computation of Vietoris-Rips persistence barcodes", Journal
/// of Applied and Computational Topology 5 (2021), sections 3 and 4: persistent cohomology with
/// clearing, implicit coboundaries, and apparent pairs. What is left to reduce are the few edges
/// that close a cycle but no triangle. Two things differ. Triangles are ordered by their last edge,
/// so that with ties too every edge that is the last of a triangle is in an apparent pair; what
/// Ripser takes as emergent pairs are then among them. And a column that is reduced is a bit matrix
/// of its edges, walked in filtration order 64 triangles at a time, not a heap of triangles: where
/// a loop lasts long the heap held the cofacets of tens of thousands of edges, and took a hundred
/// times as long for 1,000 points on a noisy circle.
///
/// Time: O(edges x points / 64) for the apparent pairs; each loop takes as much at most, for the
/// edges from its birth to its death, and the columns that are added to its own. Memory beyond the
/// input: 12 bytes an edge up to the upper scale (less than 6 points^2), points^2 / 4 for bit
/// matrices, and the reduced columns, 8 bytes an edge, of loops that end.
rips_persistence vietoris_rips(std::span<float const> distances, std::size_t points,
                               std::optional<float> upper_scale = std::nullopt,
                               std::stop_token const& stop = {});

/// The number of components or loops at a scale. Beyond an upper scale that is less than the
/// enclosing radius it is not known: what is alive there is taken to stay.
std::int64_t betti0(rips_persistence const& result, float scale);
std::int64_t betti1(rips_persistence const& result, float scale);

/// betti1 at each of the scales, in their order.
std::vector<std::int64_t> betti1_curve(rips_persistence const& result,
                                       std::span<float const> scales);

/// The length of the longest loop bar, and of all together; 0 without loops. A bar that is alive at
/// the upper scale counts up to there.
float max_persistence(rips_persistence const& result);
double total_persistence(rips_persistence const& result);

}  // namespace nsai::stages
