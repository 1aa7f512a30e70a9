#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "stages/learning/network_file.hpp"
#include "stages/stage.hpp"

namespace nsai::stages {

/// A trained verifier: `model.nsai` is a network_file of kind "model" whose head has beside
/// "network"
///
///   task         "claim_verification"
///   model_type   as the training's option
///   labels       the classes, in the order of the network's outputs
///   features     {"version", "buckets", "cues": pair_cue_names, "scores": pair_score_names}
///   options      of the training
///   fingerprint  of its options and data
struct verifier_model {
  std::string model_type;
  std::uint32_t buckets = 0;
  network_state network;
};

/// Raised whenever equal texts give other features than before.
inline constexpr std::uint32_t pair_features_version = 2;

/// The head of a model; `options` are the training's.
json about_verifier(std::string const& model_type, std::uint32_t buckets, json const& options);

/// Throws shape_error: the file is no model, or its labels, features or shape are not those of this
/// version.
verifier_model verifier_of(network_file const& file, std::string const& field);
verifier_model read_verifier(std::filesystem::path const& file, std::string const& field);

/// The path that options name (relative ones from the experiment's folder), else the last artifact
/// of kind "model". Throws shape_error when there is none.
std::filesystem::path model_path(context const& ctx, json const& options);

}  // namespace nsai::stages
