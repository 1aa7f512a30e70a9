#include "stages/cns/antagonist_metrics.hpp"

#include <algorithm>
#include <set>

#include "stages/cns/flagging.hpp"
#include "stages/cns/stage_parts.hpp"
#include "stages/label_scores.hpp"
#include "stages/on_device.hpp"
#include "stages/vietoris_rips.hpp"

namespace nsai::stages {
namespace {

constexpr std::size_t curve_points = 32;

class antagonist_measurement {
 public:
  antagonist_measurement(context const& ctx, dataset const& data,
                         antagonist_measure_settings const& settings)
      : data_(data), settings_(settings) {
    if (auto on = narrative_of(ctx, data)) {
      on_ = std::move(*on);
      have_snos_ = true;
    }
    have_flags_ = read_output(ctx, "flags", flags_);
    graph_ = graph_of(on_);
  }

  json measure(compute& device, compute_hooks const& hooks) {
    metrics_["targets"] = {{"precision", settings_.precision_target},
                           {"recall", settings_.recall_target}};
    contradictions();
    topology();
    if (on_.snos.empty()) {
      for (auto const* name : {"mean_chirality", "vietoris_rips"})
        unknown(name, "there are no claims");
    } else {
      chirality_measure const measure{on_.snos, embed_claims(on_.snos, device, hooks)};
      mean_chirality(measure);
      rips(measure.embeddings(), device, hooks);
    }
    severities();
    metrics_["counts"] = counts_;
    metrics_["notes"] = notes_;
    return std::move(metrics_);
  }

 private:
  void unknown(char const* name, std::string why) {
    metrics_[name] = nullptr;
    notes_[name] = std::move(why);
  }

  /// Pairs of claims that are taken for contradictions.
  std::vector<std::vector<std::string>> contradicting() const {
    std::vector<std::vector<std::string>> found;
    if (have_flags_) {
      for (auto const& each : flags_)
        if (each.kind == flag_kind::contradiction)
          found.push_back(each.claims);
    } else {
      for (auto const& pair : graph_.opposed_pairs())
        found.push_back({graph_.ids()[pair.first], graph_.ids()[pair.second]});
    }
    return found;
  }

  void contradictions() {
    std::set<std::string> relevant, in_corpus, flagged_claims;
    std::set<std::string> const documents(data_.documents.begin(), data_.documents.end());
    std::size_t labelled = 0;
    for (auto const& claim : data_.claims)
      for (auto const& each : claim.evidence) {
        labelled += each.second.size();
        bool const contradicts =
            std::any_of(each.second.begin(), each.second.end(),
                        [](rationale const& r) { return r.label == verdict::contradict; });
        if (contradicts) {
          relevant.insert(claim.id);
          if (documents.contains(each.first))
            in_corpus.insert(claim.id);
        }
      }
    std::map<std::string, std::string> stated;  // SNO to claim of the data set
    for (auto const& each : statements_of(on_.snos, data_.claims))
      stated.emplace(on_.snos[each.second].id, each.first);
    for (auto const& pair : contradicting())
      for (auto const& id : pair)
        if (auto const found = stated.find(id); found != stated.end())
          flagged_claims.insert(found->second);
    auto const both = [&](std::set<std::string> const& gold) {
      return std::count_if(gold.begin(), gold.end(),
                           [&](std::string const& id) { return flagged_claims.contains(id); });
    };
    tally const whole{both(relevant), std::ssize(flagged_claims), std::ssize(relevant)};
    tally const near{both(in_corpus), std::ssize(flagged_claims), std::ssize(in_corpus)};
    counts_["flagged"] = whole.retrieved;
    counts_["relevant"] = whole.relevant;
    counts_["relevant_in_corpus"] = near.relevant;
    counts_["correct"] = whole.correct;
    metrics_["precision"] = whole.precision();
    metrics_["recall"] = whole.recall();
    metrics_["f1"] = whole.f1();
    metrics_["recall_in_corpus"] = near.recall();
    auto const why = !have_snos_     ? "there are neither outputs.snos nor outputs of a proposer"
                     : labelled == 0 ? "the data set has no labels"
                                     : "";
    for (auto const* name : {"precision", "recall", "f1", "recall_in_corpus"})
      if (*why != '\0')
        unknown(name, why);
      else if (!have_flags_)
        notes_[name] = "from the relations, since there are no flags";
  }

  void topology() {
    counts_["claims"] = on_.snos.size();
    counts_["relations"] = on_.relations.size();
    counts_["edges"] = graph_.edges().size();
    counts_["self_relations"] = graph_.self_relations();
    counts_["unknown_ends"] = graph_.unknown_ends();
    auto const cycles = graph_.cycles();
    if (!cycles.complete)
      notes_["directed_cycles"] = "there are more, or longer ones than were looked for";
    metrics_["directed_cycles"] = cycles.cycles.size();
    metrics_["polarity_conflicts"] = graph_.polarity_conflicts().size();
    metrics_["beta1"] = graph_.beta1();
    std::map<std::string, std::vector<std::string>> questions;
    std::map<std::string, std::string> question_of;
    for (auto const& each : on_.snos) {
      questions[each.question].push_back(each.id);
      question_of.emplace(each.id, each.question);
    }
    std::map<std::string, std::vector<claim_relation>> relations;
    for (auto const& r : on_.relations) {
      auto const from = question_of.find(r.from), to = question_of.find(r.to);
      if (from != question_of.end() && to != question_of.end() && from->second == to->second)
        relations[from->second].push_back(r);
    }
    counts_["questions"] = questions.size();
    std::int64_t sum = 0;
    for (auto const& each : questions)
      sum += claim_graph{each.second, relations[each.first]}.beta1();
    metrics_["mean_beta1"] =
        questions.empty() ? json{}
                          : json(static_cast<double>(sum) / static_cast<double>(questions.size()));
    if (!questions.empty())
      return;
    for (auto const* name : {"mean_beta1", "beta1", "directed_cycles", "polarity_conflicts"})
      unknown(name, "there are no claims");
  }

  void mean_chirality(chirality_measure const& measure) {
    double sum = 0;
    std::int64_t count = 0;
    if (have_flags_) {
      for (auto const& each : flags_)
        if (each.kind == flag_kind::contradiction && each.chirality) {
          sum += *each.chirality;
          ++count;
        }
    } else {
      auto const conflicts = graph_.polarity_conflicts();
      auto const has = [&](std::size_t v) {
        return std::binary_search(conflicts.begin(), conflicts.end(), v);
      };
      for (auto const& pair : graph_.opposed_pairs()) {
        sum += measure.of(
            pair.first, pair.second,
            has(pair.first) || has(pair.second) ? polarity::conflicts : polarity::agrees);
        ++count;
      }
      notes_["mean_chirality"] = "of the relations, since there are no flags";
    }
    metrics_["mean_chirality"] = count == 0 ? json{} : json(sum / static_cast<double>(count));
    if (count == 0)
      unknown("mean_chirality", "no pair of claims contradicts each other");
  }

  void rips(matrix_view embeddings, compute& device, compute_hooks const& hooks) {
    auto const points = std::min(embeddings.rows, settings_.rips_points);
    if (points == 0) {
      unknown("vietoris_rips", "rips_points is 0");
      return;
    }
    std::vector<float> rows;
    for (std::size_t i = 0; i < points; ++i) {
      auto const* row = embeddings.row(i * embeddings.rows / points);
      rows.insert(rows.end(), row, row + embeddings.columns);
    }
    auto const distances =
        device.distances({rows.data(), points, embeddings.columns}, {hooks.stop, nullptr});
    auto const found = vietoris_rips(distances, points, std::nullopt, hooks.stop);
    if (found.stopped)
      throw compute_stopped{};
    std::vector<float> scales(curve_points);
    for (std::size_t i = 0; i < curve_points; ++i)
      scales[i] = found.upper_scale * static_cast<float>(i) / (curve_points - 1);
    auto const curve = betti1_curve(found, scales);
    auto const most = std::max_element(curve.begin(), curve.end());
    metrics_["vietoris_rips"] = {{"points", points},
                                 {"beta1", *most},
                                 {"scale", scales[static_cast<std::size_t>(most - curve.begin())]},
                                 {"loops", found.h1.size()},
                                 {"max_persistence", max_persistence(found)},
                                 {"total_persistence", total_persistence(found)}};
  }

  void severities() {
    if (!have_flags_) {
      unknown("flags", "no antagonist was before this stage");
      return;
    }
    json count{{"high", 0}, {"medium", 0}, {"low", 0}, {"total", flags_.size()}};
    for (auto const& each : flags_)
      count[to_string(each.severity)] = count[to_string(each.severity)].get<std::int64_t>() + 1;
    metrics_["flags"] = std::move(count);
  }

  dataset const& data_;
  antagonist_measure_settings const& settings_;
  narrative on_;
  std::vector<claim_flag> flags_;
  bool have_snos_ = false;
  bool have_flags_ = false;
  claim_graph graph_;
  json metrics_ = json::object();
  json counts_ = json::object();
  json notes_ = json::object();
};

class antagonist_metrics_stage final : public stage {
 public:
  stage_description describe() const override {
    antagonist_measure_settings const usual;
    stage_description d;
    d.name = "antagonist_metrics";
    d.summary = on_its_device("measures an antagonist: flags, loops, chirality");
    d.backend = "stage_host";
    d.options = {
        count_option("rips_points", static_cast<std::int64_t>(usual.rips_points), 0, 4096,
                     "claims whose embeddings' loops are looked for at most"),
        share_option("precision_target", usual.precision_target, "least precision that passes"),
        share_option("recall_target", usual.recall_target, "least recall that passes")};
    return d;
  }

  outcome run(context ctx, json const& options, stage_env& env) const override {
    if (!has_dataset(ctx) && !ctx.outputs.contains("snos"))
      return no_dataset();
    auto const data = has_dataset(ctx) ? dataset_of(ctx) : dataset{};
    antagonist_measure_settings settings;
    settings.rips_points = count_of(options, "rips_points");
    settings.precision_target = share_of(options, "precision_target");
    settings.recall_target = share_of(options, "recall_target");
    auto metrics =
        antagonist_metrics(ctx, data, device_of(env), settings, hooks_of(env, "embedding claims"));
    if (env.log)
      for (auto const& [name, note] : metrics.at("notes").items())
        env.log(name + ": " + note.get<std::string>());
    ctx.metrics["antagonist"] = metrics;
    return outcome::success(std::move(metrics), std::move(ctx));
  }
};

}  // namespace

json antagonist_metrics(context const& ctx, dataset const& data, compute& device,
                        antagonist_measure_settings const& settings, compute_hooks const& hooks) {
  return antagonist_measurement{ctx, data, settings}.measure(device, hooks);
}

std::unique_ptr<stage> make_antagonist_metrics() {
  return std::make_unique<antagonist_metrics_stage>();
}

}  // namespace nsai::stages
