#include "stages/learning/verifier_model.hpp"

#include <bit>

#include "stages/learning/pair_features.hpp"

namespace nsai::stages {
namespace {

namespace fs = std::filesystem;

constexpr char const* verification = "claim_verification";

json features_of(std::uint32_t buckets) {
  return {{"version", pair_features_version},
          {"buckets", buckets},
          {"cues", pair_cue_names},
          {"scores", pair_score_names}};
}

json part_of(json const& about, char const* name) {
  auto const found = about.find(name);
  return found == about.end() ? json{} : *found;
}

void expect(json const& about, char const* name, json const& expected, std::string const& field) {
  if (auto const came = part_of(about, name); came != expected)
    throw shape_error(field + "." + name, describe_json(came), expected.dump());
}

}  // namespace

json about_verifier(std::string const& model_type, std::uint32_t buckets, json const& options) {
  return {{"task", verification},
          {"model_type", model_type},
          {"labels", enum_names(verdict{})},
          {"features", features_of(buckets)},
          {"options", options}};
}

verifier_model verifier_of(network_file const& file, std::string const& field) {
  auto const& about = file.about;
  expect(about, "task", verification, field);
  expect(about, "labels", enum_names(verdict{}), field);
  auto const features = part_of(about, "features");
  auto const given = features.is_object() ? part_of(features, "buckets") : json{};
  if (!given.is_number_unsigned() || given.get<std::uint64_t>() > most_inputs ||
      !std::has_single_bit(given.get<std::uint64_t>()))
    throw shape_error(field + ".features.buckets", describe_json(given), "a power of two");
  verifier_model model;
  model.buckets = given.get<std::uint32_t>();
  expect(about, "features", features_of(model.buckets), field);
  model.network = file.network;
  auto const& shape = model.network.shape;
  auto const inputs = pair_columns(model.buckets);
  if (shape.inputs != inputs || shape.classes != enum_names(verdict{}).size())
    throw shape_error(
        field + ".network",
        std::to_string(shape.inputs) + " inputs and " + std::to_string(shape.classes) + " classes",
        std::to_string(inputs) + " inputs and " + std::to_string(enum_names(verdict{}).size()) +
            " classes");
  auto const type = part_of(about, "model_type");
  model.model_type = type.is_string() ? type.get<std::string>() : std::string{};
  return model;
}

verifier_model read_verifier(fs::path const& file, std::string const& field) {
  return verifier_of(read_network(file, network_file::kind_of_file::model, field), field);
}

fs::path model_path(context const& ctx, json const& options) {
  if (fs::path const given = options.value("model", std::string{}); !given.empty())
    return ctx.base_dir() / given;
  fs::path found;
  for (auto const& artifact : ctx.artifacts)
    if (artifact.is_object() && part_of(artifact, "kind") == "model" &&
        part_of(artifact, "path").is_string())
      found = artifact.at("path").get<std::string>();
  if (found.empty())
    throw shape_error("options.model", "nothing was given",
                      "a path, or a training stage before this one");
  return found;
}

}  // namespace nsai::stages
