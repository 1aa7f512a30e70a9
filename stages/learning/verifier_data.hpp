#pragma once

#include <string>
#include <variant>
#include <vector>

#include "stages/learning/claim_pairs.hpp"
#include "stages/learning/pair_features.hpp"
#include "stages/stage.hpp"

namespace nsai::stages {

/// Claims with the texts that they cite. The pairs point into `texts`, wherever this is moved.
struct verifier_data {
  std::string name;
  dataset data;
  corpus texts{{}};
};

/// The options `dataset`, `claims` and `corpus`, for descriptions of stages that read pairs.
std::vector<option_description> verifier_data_options();

/// What `given` names (paths first, relative ones from experiment.base_dir, then `dataset`); else
/// the context's inputs.dataset, else the experiment's data set, else the one called scifact.
std::variant<verifier_data, error_info> load_verifier_data(context ctx, json const& given,
                                                           stage_env& env);

std::vector<std::uint32_t> labels_of(std::vector<claim_pair> const& pairs);
std::vector<pair_reading> read_pairs(pair_reader const& reader,
                                     std::vector<claim_pair> const& pairs, stage_env const& env);

/// Of everything that is learned from.
std::uint64_t fingerprint_of(std::vector<claim_pair> const& pairs, std::uint64_t hash);

}  // namespace nsai::stages
