#pragma once

#include <memory>

#include "stages/stage.hpp"

namespace nsai::stages {

/// topology {points, max_scale, scales}: the loops of a cloud of points by the persistence of its
/// Vietoris-Rips filtration (vietoris_rips.hpp): bars of H1, the curve of the first Betti number,
/// and the longest bar, into bars.npy of the artifacts and metrics.topology of the context.
std::unique_ptr<stage> make_topology();

}  // namespace nsai::stages
