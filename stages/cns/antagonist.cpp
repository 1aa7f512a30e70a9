#include "stages/cns/antagonist.hpp"

#include "stages/cns/flagging.hpp"
#include "stages/cns/stage_parts.hpp"
#include "stages/on_device.hpp"
#include "stages/option_list.hpp"

namespace nsai::stages {
namespace {

antagonist_settings antagonist_settings_of(json const& options) {
  antagonist_settings s;
  s.contradiction_threshold = share_of(options, "contradiction_threshold");
  s.high_threshold = share_of(options, "high_threshold");
  s.neighbours = count_of(options, "neighbours");
  s.weak_validity = share_of(options, "weak_validity");
  s.most_cycles = count_of(options, "most_cycles");
  return s;
}

class antagonist final : public stage {
 public:
  stage_description describe() const override {
    antagonist_settings const usual;
    stage_description d;
    d.name = "antagonist";
    d.summary = "flags contradictions, circular reasoning and weak evidence in proposed claims";
    d.backend = "stage_host";
    auto const number = [](std::size_t n) { return static_cast<std::int64_t>(n); };
    d.options = {
        share_option("contradiction_threshold", usual.contradiction_threshold,
                     "least probability of a new contradiction"),
        share_option("high_threshold", usual.high_threshold,
                     "from here on a contradiction is of high severity"),
        count_option("neighbours", number(usual.neighbours), 0, 100,
                     "how many nearest claims each is compared with"),
        share_option("weak_validity", usual.weak_validity, "mean validity of weak evidence"),
        count_option("most_cycles", number(usual.most_cycles), 0, 100'000,
                     "how many directed cycles are flagged at most"),
        option("add_relations", "boolean", true, "new contradictions become relations")};
    for (auto& each : scorer_options())
      d.options.push_back(std::move(each));
    return d;
  }

  outcome run(context ctx, json const& options, stage_env& env) const override {
    auto const data = has_dataset(ctx) ? dataset_of(ctx) : dataset{};
    auto on = narrative_of(ctx, data);
    if (!on)
      return nothing_proposed();
    auto const index = claims_index(on->snos);
    auto const scorer = scorer_from(options, ctx, index);
    auto& device = device_of(env);
    chirality_measure const measure{
        on->snos, embed_claims(on->snos, device, hooks_of(env.part(0.0, 0.1), "embedding claims"))};
    auto const found = find_flags(*on, {data.documents.begin(), data.documents.end()}, *scorer,
                                  index, measure, antagonist_settings_of(options),
                                  hooks_of(env.part(0.1, 1.0), "comparing claims"));
    if (env.stop.stop_requested())
      return outcome::stopped();
    return outcome_of(std::move(ctx), std::move(*on), found, options, env);
  }

 private:
  static outcome outcome_of(context ctx, narrative on, flagged const& found, json const& options,
                            stage_env& env) {
    json by_kind = json::object();
    for (auto const& name : enum_names(flag_kind{}))
      by_kind[name] = 0;
    for (auto const& each : found.flags)
      by_kind[to_string(each.kind)] = by_kind[to_string(each.kind)].get<std::int64_t>() + 1;
    json metrics{{"claims", on.snos.size()},
                 {"compared_pairs", found.compared_pairs},
                 {"pairs_beyond_limit", found.pairs_beyond_limit},
                 {"contradictions_found", found.found.size()},
                 {"by_kind", std::move(by_kind)},
                 {"all_cycles", found.all_cycles}};
    if (env.log) {
      env.log("flags: " + metrics.dump());
      if (found.pairs_beyond_limit > 0)
        env.log("questions have too many claims: " + std::to_string(found.pairs_beyond_limit) +
                " pairs of them were not compared");
      if (!found.all_cycles)
        env.log("there are more directed cycles than were flagged, or longer ones");
    }
    if (options.at("add_relations").get<bool>())
      on.relations.insert(on.relations.end(), found.found.begin(), found.found.end());
    ctx.outputs["snos"] = write_json(on.snos);
    ctx.outputs["relations"] = write_json(on.relations);
    ctx.outputs["flags"] = write_json(found.flags);
    ctx.metrics["flags"] = metrics;
    return outcome::success(std::move(metrics), std::move(ctx));
  }
};

}  // namespace

std::unique_ptr<stage> make_antagonist() {
  return std::make_unique<antagonist>();
}

}  // namespace nsai::stages
