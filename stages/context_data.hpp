#pragma once

#include <string>
#include <vector>

#include "stages/scifact.hpp"
#include "stages/stage.hpp"

namespace nsai::stages {

/// The data set of `inputs.dataset` with what stages before made of it: `outputs.proposals` (an
/// array of {"id": of the claim, "output"}; more fields are allowed) takes the place of its outputs
/// and `outputs.predictions` that of its predictions. Throws shape_error naming the field.
dataset dataset_of(context const& ctx);

/// Whether a data_load stage went before; `no_dataset` is the failure when not.
bool has_dataset(context const& ctx);
outcome no_dataset();

/// The value at a dotted path of the context ("metrics.proposer.labels", "inputs.dataset.claims.0":
/// positions of arrays are numbers); null pointer: there is none.
json const* find_path(json const& whole, std::string const& path);

}  // namespace nsai::stages
