#include "stages/learning/evaluation.hpp"

#include "stages/learning/classification.hpp"
#include "stages/learning/fit.hpp"
#include "stages/learning/verifier_data.hpp"
#include "stages/learning/verifier_model.hpp"
#include "stages/on_device.hpp"
#include "stages/option_list.hpp"
#include "stages/whole_file.hpp"

namespace nsai::stages {
namespace {

std::vector<prediction> predictions_of(std::vector<gold_claim> const& claims,
                                       std::vector<claim_pair> const& pairs,
                                       std::vector<pair_reading> const& readings,
                                       std::vector<std::uint32_t> const& predicted) {
  std::vector<prediction> all;
  std::map<std::string, std::size_t> at;
  for (auto const& claim : claims)
    if (at.try_emplace(claim.id, all.size()).second)
      all.push_back({claim.id, {}});
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    auto const label = static_cast<verdict>(predicted[i]);
    all[at.at(pairs[i].claim_id)].evidence[pairs[i].evidence->id] = {
        label, label == verdict::nei ? std::vector<std::int64_t>{} : readings[i].best};
  }
  return all;
}

std::string lines_of(std::vector<prediction> const& predictions) {
  std::string text;
  for (auto const& each : predictions)
    text += write_json(each).dump() + "\n";
  return text;
}

class evaluate final : public stage {
 public:
  stage_description describe() const override {
    stage_description d;
    d.name = "evaluate";
    d.summary = on_its_device("verifies claims with a trained network, and scores it");
    d.backend = "stage_host";
    d.options = verifier_data_options();
    d.options.push_back(option("model", "string", "",
                               "path of a model.nsai; default: that of the training before"));
    d.options.push_back(
        between(option("resamples", "integer", 1000, "of the bootstrap"), 100, 100'000));
    d.options.push_back(
        between(option("seed", "integer", 1, "of the bootstrap"), 0, 1'000'000'000));
    return d;
  }

  outcome run(context ctx, json const& options, stage_env& env) const override {
    auto const model = read_verifier(model_path(ctx, options), "model");
    auto reading = env.part(0, 0.5);
    auto loaded = load_verifier_data(ctx, options, reading);
    if (auto* const fault = std::get_if<error_info>(&loaded)) {
      outcome refused;
      refused.error = std::move(*fault);
      return refused;
    }
    auto const& from = std::get<verifier_data>(loaded);
    auto const found = pairs_of(from.data.claims, from.texts);
    if (found.pairs.empty())
      return outcome::failure(
          "no_pairs", "claims: none cites a document that the corpus has; expected at least one",
          false);
    auto& device = device_of(env);
    auto const readings = read_pairs(pair_reader{from.texts}, found.pairs, env);
    auto const features = pair_features(readings, model.buckets, device,
                                        hooks_of(env.part(0.5, 1), "reading the claims"));
    auto const predicted = predict(model.network, features.view(), device);
    auto const gold = labels_of(found.pairs);
    auto const& names = enum_names(verdict{});

    json metrics = to_json(classify(gold, predicted, names.size()), names);
    metrics["model_type"] = model.model_type;
    metrics["dataset"] = from.name;
    metrics["intervals"] = to_json(bootstrap_scores(gold, {predicted}, names.size(),
                                                    options.at("resamples").get<std::uint64_t>(),
                                                    options.at("seed").get<std::uint64_t>()));
    metrics["counts"] = write_json(found.counts);
    auto const predictions = predictions_of(from.data.claims, found.pairs, readings, predicted);
    std::filesystem::create_directories(env.artifacts);
    auto const file = env.artifacts / "predictions.jsonl";
    write_whole_file(file, lines_of(predictions));
    ctx.outputs["predictions"] = write_json(predictions);
    ctx.artifacts.push_back(
        {{"name", "predictions.jsonl"}, {"kind", "predictions"}, {"path", file.string()}});
    auto result = metrics;
    result["device"] = device_in_words(env, device);
    ctx.metrics["evaluation"] = std::move(metrics);
    return outcome::success(std::move(result), std::move(ctx));
  }
};

}  // namespace

std::unique_ptr<stage> make_evaluate() {
  return std::make_unique<evaluate>();
}

}  // namespace nsai::stages
