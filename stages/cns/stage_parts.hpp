#pragma once

#include <string>
#include <vector>

#include "stages/cns/sno.hpp"
#include "stages/compute.hpp"
#include "stages/context_data.hpp"
#include "stages/text/tfidf.hpp"

/// What the stages of this folder share.
namespace nsai::stages {

/// The failure of a stage that finds neither SNOs nor a proposer's texts.
outcome nothing_proposed();

/// An option that is a number from 0 to 1.
option_description share_option(std::string name, double usual, std::string help);
/// A whole number from `least` to `most`.
option_description count_option(std::string name, std::int64_t usual, std::int64_t least,
                                std::int64_t most, std::string help);

/// Options as the settings' types.
double share_of(json const& options, char const* name);
std::size_t count_of(json const& options, char const* name);

/// The claims' texts as a collection, in the order of the SNOs.
tfidf_index claims_index(std::vector<sno> const& snos);

}  // namespace nsai::stages
