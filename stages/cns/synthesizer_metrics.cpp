#include "stages/cns/synthesizer_metrics.hpp"

#include <algorithm>

#include "stages/cns/stage_parts.hpp"
#include "stages/cns/synthesising.hpp"

namespace nsai::stages {
namespace {

class synthesizer_measurement {
 public:
  synthesizer_measurement(context const& ctx, dataset const& data) {
    on_ = narrative_of(ctx, data);
    have_syntheses_ = read_output(ctx, "syntheses", syntheses_);
  }

  json measure(synthesizer_targets const& targets) {
    metrics_["targets"] = {{"beta1_reduction", targets.beta1_reduction}, {"trust", targets.trust}};
    loops();
    critics();
    convergence();
    for (auto const& name : enum_names(synthesis_status{}))
      if (!have_syntheses_)
        unknown(name.c_str(), no_synthesizer);
      else
        metrics_[name] =
            std::count_if(syntheses_.begin(), syntheses_.end(),
                          [&](synthesis const& s) { return to_string(s.status) == name; });
    std::size_t merged = 0;
    for (auto const& each : syntheses_)
      merged += each.status == synthesis_status::failed ? 0 : each.parents.size();
    metrics_["counts"] = {{"claims", on_ ? on_->snos.size() : 0},
                          {"relations", on_ ? on_->relations.size() : 0},
                          {"syntheses", syntheses_.size()},
                          {"merged_claims", merged}};
    metrics_["notes"] = notes_;
    return std::move(metrics_);
  }

 private:
  static constexpr char const* no_synthesizer = "no synthesizer was before this stage";

  void unknown(char const* name, std::string why) {
    metrics_[name] = nullptr;
    notes_[name] = std::move(why);
  }

  /// Why means over the syntheses are not known; empty: they are.
  std::string no_mean() const {
    return !have_syntheses_     ? no_synthesizer
           : syntheses_.empty() ? "there was nothing to merge"
                                : "";
  }

  void loops() {
    if (!on_ || !have_syntheses_) {
      auto const why =
          on_ ? no_synthesizer : "there are neither outputs.snos nor outputs of a proposer";
      for (auto const* name : {"beta1_after", "beta1_reduction", "mean_cluster_reduction"})
        unknown(name, why);
      if (on_)
        metrics_["beta1_before"] = graph_of(*on_).beta1();
      else
        unknown("beta1_before", why);
      return;
    }
    auto const before = graph_of(*on_).beta1();
    auto after = before;
    double sum = 0;
    std::int64_t with_loops = 0;
    for (auto const& each : syntheses_) {
      bool const counts = each.status != synthesis_status::failed;
      after -= counts ? each.beta1_before - each.beta1_after : 0;
      with_loops += each.beta1_before > 0 ? 1 : 0;
      sum += counts ? beta1_reduction(each.beta1_before, each.beta1_after) : 0;
    }
    metrics_["beta1_before"] = before;
    metrics_["beta1_after"] = after;
    metrics_["beta1_reduction"] = beta1_reduction(before, after);
    metrics_["mean_cluster_reduction"] =
        with_loops == 0 ? json{} : json(sum / static_cast<double>(with_loops));
    if (with_loops == 0)
      unknown("mean_cluster_reduction", "there was no loop");
  }

  template <class Value>
  double mean(Value const& value) const {
    double sum = 0;
    for (auto const& each : syntheses_)
      sum += value(each);
    return sum / static_cast<double>(syntheses_.size());
  }

  void critics() {
    if (auto const why = no_mean(); !why.empty()) {
      unknown("critics", why);
      unknown("trust", why);
      return;
    }
    metrics_["critics"] = {
        {"grounding", mean([](synthesis const& s) { return s.critics.grounding.value; })},
        {"logic", mean([](synthesis const& s) { return s.critics.logic.value; })},
        {"novelty", mean([](synthesis const& s) { return s.critics.novelty.value; })},
        {"bias", mean([](synthesis const& s) { return s.critics.bias.value; })}};
    metrics_["trust"] = mean([](synthesis const& s) { return s.trust.value; });
  }

  void convergence() {
    if (auto const why = no_mean(); !why.empty()) {
      unknown("iterations", why);
      return;
    }
    std::int64_t most = 0;
    for (auto const& each : syntheses_)
      most = std::max(most, each.iterations);
    metrics_["iterations"] = {
        {"mean", mean([](synthesis const& s) { return static_cast<double>(s.iterations); })},
        {"max", most}};
  }

  std::optional<narrative> on_;
  std::vector<synthesis> syntheses_;
  bool have_syntheses_ = false;
  json metrics_ = json::object();
  json notes_ = json::object();
};

class synthesizer_metrics_stage final : public stage {
 public:
  stage_description describe() const override {
    synthesizer_targets const usual;
    stage_description d;
    d.name = "synthesizer_metrics";
    d.summary = "measures a synthesizer: reduction of loops, critics, trust";
    d.options = {share_option("reduction_target", usual.beta1_reduction,
                              "least reduction of beta1 that passes"),
                 share_option("trust_target", usual.trust, "least trust that passes")};
    return d;
  }

  outcome run(context ctx, json const& options, stage_env& env) const override {
    if (!has_dataset(ctx) && !ctx.outputs.contains("snos"))
      return no_dataset();
    auto const data = has_dataset(ctx) ? dataset_of(ctx) : dataset{};
    auto metrics = synthesizer_metrics(
        ctx, data, {share_of(options, "reduction_target"), share_of(options, "trust_target")});
    if (env.log)
      for (auto const& [name, note] : metrics.at("notes").items())
        env.log(name + ": " + note.get<std::string>());
    ctx.metrics["synthesizer"] = metrics;
    return outcome::success(std::move(metrics), std::move(ctx));
  }
};

}  // namespace

json synthesizer_metrics(context const& ctx, dataset const& data,
                         synthesizer_targets const& targets) {
  return synthesizer_measurement{ctx, data}.measure(targets);
}

std::unique_ptr<stage> make_synthesizer_metrics() {
  return std::make_unique<synthesizer_metrics_stage>();
}

}  // namespace nsai::stages
