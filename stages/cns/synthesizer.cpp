#include "stages/cns/synthesizer.hpp"

#include "stages/cns/stage_parts.hpp"
#include "stages/cns/synthesising.hpp"
#include "stages/cns/text_model.hpp"
#include "stages/on_device.hpp"
#include "stages/option_list.hpp"
#include "stages/proposer_text.hpp"

namespace nsai::stages {
namespace {

constexpr char const* built_in_synthesizer = "composed";

synthesizer_settings synthesizer_settings_of(json const& options) {
  synthesizer_settings s;
  s.max_iterations = options.at("max_iterations").get<std::int64_t>();
  s.trust_target = share_of(options, "trust_target");
  s.reduction_target = share_of(options, "reduction_target");
  s.least_trust = share_of(options, "least_trust");
  return s;
}

json counts_of_graph(narrative const& on) {
  auto const graph = graph_of(on);
  return {{"claims", graph.ids().size()},
          {"relations", on.relations.size()},
          {"edges", graph.edges().size()},
          {"components", graph.components().size()},
          {"beta1", graph.beta1()}};
}

json request_as_json(text_request const& request) {
  json claims = json::array();
  for (auto const* parent : request.parents) {
    json evidence = json::array();
    for (auto const& each : parent->evidence)
      evidence.push_back(each.content);
    claims.push_back(
        {{"id", parent->id}, {"claim", parent->claim}, {"evidence", std::move(evidence)}});
  }
  return {{"id", request.id},
          {"claims", std::move(claims)},
          {"relations", write_json(request.relations)}};
}

/// The merged claim in what a model wrote; empty: there is none.
std::string merged_claim_of(std::string const& output) {
  auto const parts = parse_proposal(output);
  if (!parts.claims.empty())
    return parts.claims.front().text;
  auto const from = output.find_first_not_of(" \t\r\n");
  return from == std::string::npos
             ? std::string{}
             : output.substr(from, output.find_last_not_of(" \t\r\n") - from + 1);
}

class synthesizer final : public stage {
 public:
  stage_description describe() const override {
    synthesizer_settings const usual;
    stage_description d;
    d.name = "synthesizer";
    d.summary = "merges claims so that loops and contradictions between them go";
    d.backend = "stage_host";
    d.options = {
        count_option("max_iterations", usual.max_iterations, 1, 100,
                     "rounds of merging and criticism"),
        share_option("trust_target", usual.trust_target, "trust of an accepted synthesis"),
        share_option("reduction_target", usual.reduction_target,
                     "reduction of beta1 of an accepted synthesis"),
        share_option("least_trust", usual.least_trust, "a synthesis of less trust has failed")};
    for (auto& each : text_model_options(built_in_synthesizer))
      d.options.push_back(std::move(each));
    for (auto& each : scorer_options())
      d.options.push_back(std::move(each));
    return d;
  }

  outcome run(context ctx, json const& options, stage_env& env) const override {
    auto const data = has_dataset(ctx) ? dataset_of(ctx) : dataset{};
    auto const on = narrative_of(ctx, data);
    if (!on)
      return nothing_proposed();
    auto const index = claims_index(on->snos);
    auto const scorer = scorer_from(options, ctx, index);
    auto const model = text_model_from(options, ctx, built_in_synthesizer);
    text_source source;
    if (model)
      source = [&](std::vector<text_request> const& requests) {
        std::vector<json> lines;
        for (auto const& each : requests)
          lines.push_back(request_as_json(each));
        std::vector<std::string> texts;
        for (auto const& output : model->answer(lines, {env.stop, nullptr}))
          texts.push_back(merged_claim_of(output));
        return texts;
      };
    auto const made = synthesise(*on, *scorer, index, synthesizer_settings_of(options), source,
                                 hooks_of(env, "merging claims"));
    if (made.stopped || env.stop.stop_requested())
      return outcome::stopped();
    return outcome_of(std::move(ctx), *on, made, env);
  }

 private:
  static outcome outcome_of(context ctx, narrative const& on, synthesis_outcome const& made,
                            stage_env& env) {
    auto before = counts_of_graph(on), after = counts_of_graph(made.after);
    json gone = json::array(), come = json::array();
    for (auto const& each : made.syntheses)
      if (each.status != synthesis_status::failed) {
        come.push_back(each.id);
        for (auto const& parent : each.parents)
          gone.push_back(parent);
      }
    json metrics{{"syntheses", made.syntheses.size()},
                 {"claims_before", before.at("claims")},
                 {"claims_after", after.at("claims")},
                 {"beta1_before", before.at("beta1")},
                 {"beta1_after", after.at("beta1")}};
    for (auto const& name : enum_names(synthesis_status{}))
      metrics[name] = 0;
    for (auto const& each : made.syntheses) {
      auto& count = metrics[to_string(each.status)];
      count = count.get<std::int64_t>() + 1;
    }
    if (env.log)
      env.log("syntheses: " + metrics.dump());
    ctx.outputs["syntheses"] = write_json(made.syntheses);
    ctx.outputs["graph"] = {{"before", std::move(before)},
                            {"after", std::move(after)},
                            {"merged", std::move(gone)},
                            {"made", std::move(come)}};
    ctx.metrics["syntheses"] = metrics;
    return outcome::success(std::move(metrics), std::move(ctx));
  }
};

}  // namespace

std::unique_ptr<stage> make_synthesizer() {
  return std::make_unique<synthesizer>();
}

}  // namespace nsai::stages
