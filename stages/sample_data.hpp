#pragma once

#include <string_view>

/// The data set `sample` (examples/data), built in so that everything runs on a machine with
/// nothing else on it.
namespace nsai::stages::sample_data {

extern std::string_view const claims;
extern std::string_view const corpus;
extern std::string_view const predictions;
extern std::string_view const outputs;

}  // namespace nsai::stages::sample_data
