#include "stages/learning/verifier_data.hpp"

#include "stages/data_load.hpp"
#include "stages/learning/network_file.hpp"
#include "stages/option_list.hpp"

namespace nsai::stages {
namespace {

constexpr std::array data_names{"dataset", "claims", "corpus"};

}  // namespace

std::vector<option_description> verifier_data_options() {
  return {option("dataset", "string", "",
                 "a data set of the node's config, or sample; default: the loaded one, the "
                 "experiment's, else scifact"),
          option("claims", "string", "", "path of the claims, instead of a data set"),
          option("corpus", "string", "", "path of their corpus")};
}

std::variant<verifier_data, error_info> load_verifier_data(context ctx, json const& given,
                                                           stage_env& env) {
  json options = json::object();
  for (auto const* name : data_names)
    if (auto const found = given.find(name);
        found != given.end() && found->is_string() && !found->get_ref<std::string const&>().empty())
      options[name] = *found;
  if (!options.empty() || !ctx.inputs.contains("dataset")) {
    if (options.empty() && !ctx.experiment.contains("dataset"))
      options["dataset"] = "scifact";
    auto loaded = make_data_load()->run(std::move(ctx), options, env);
    if (loaded.error)
      return std::move(*loaded.error);
    ctx = std::move(*loaded.context);
  }
  verifier_data all;
  try {
    read_json(ctx.inputs.at("dataset"), all.data);
  } catch (shape_error const& e) {
    throw e.inside("inputs.dataset");
  }
  all.name = all.data.name;
  all.texts = load_corpus(ctx, env);
  return all;
}

std::vector<std::uint32_t> labels_of(std::vector<claim_pair> const& pairs) {
  std::vector<std::uint32_t> labels;
  for (auto const& pair : pairs)
    labels.push_back(static_cast<std::uint32_t>(pair.label));
  return labels;
}

std::vector<pair_reading> read_pairs(pair_reader const& reader,
                                     std::vector<claim_pair> const& pairs, stage_env const& env) {
  std::vector<pair_reading> all;
  for (auto const& pair : pairs) {
    if (env.stop.stop_requested())
      throw compute_stopped{};
    all.push_back(reader.read(pair));
  }
  return all;
}

std::uint64_t fingerprint_of(std::vector<claim_pair> const& pairs, std::uint64_t hash) {
  auto const take = [&](std::string const& text) {
    hash = fnv1a(std::to_string(text.size()) + ":", hash);
    hash = fnv1a(text, hash);
  };
  for (auto const& pair : pairs) {
    take(pair.claim_id);
    take(pair.claim);
    take(pair.evidence->id);
    take(to_string(pair.label));
    for (auto const& sentence : pair.evidence->sentences)
      take(sentence);
  }
  return hash;
}

}  // namespace nsai::stages
