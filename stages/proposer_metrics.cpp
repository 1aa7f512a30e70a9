#include "stages/proposer_metrics.hpp"

#include <algorithm>
#include <optional>

#include "messages/suggest.hpp"
#include "stages/context_data.hpp"
#include "stages/label_scores.hpp"
#include "stages/on_device.hpp"
#include "stages/option_list.hpp"

namespace nsai::stages {
namespace {

class measurement {
 public:
  measurement(dataset const& data, std::vector<std::string> const& enabled,
              proposer_targets const& targets, proposer_texts const* texts)
      : data_(data), enabled_(enabled), targets_(targets), texts_(texts) {}

  json measure() {
    read_outputs();
    metric("schema_compliance", targets_.schema_compliance, [this] { return schema_compliance(); });
    metric("citation_accuracy", targets_.citation_accuracy, [this] { return citation_accuracy(); });
    score_texts();
    metric("entailment_score", targets_.entailment_score, [this] { return entailment_score(); });
    metric("similarity_score", targets_.similarity_score, [this] { return similarity_score(); });
    count_gated();
    label_part();
    if (computed_ == 0)
      notes_["overall_pass_rate"] = "no enabled metric could be computed";
    metrics_["overall_pass_rate"] =
        computed_ == 0 ? json{} : json(static_cast<double>(passed_) / enabled_metrics_);
    counts_["enabled_metrics"] = enabled_metrics_;
    counts_["computed_metrics"] = computed_;
    metrics_["counts"] = counts_;
    metrics_["notes"] = notes_;
    return std::move(metrics_);
  }

 private:
  void read_outputs() {
    std::int64_t with_claim = 0, proposed = 0, relations = 0, malformed = 0;
    for (auto const& each : data_.outputs) {
      outputs_.push_back({each.id, parse_proposal(each.output)});
      auto const& parts = outputs_.back().parts;
      with_claim += parts.claims.empty() ? 0 : 1;
      proposed += std::ssize(parts.claims);
      relations += std::ssize(parts.relations);
      malformed += parts.malformed;
      for (auto const& document : parts.documents) {
        cited_for_[each.id].insert(document);
        tell_citation(document);
      }
    }
    if (data_.outputs.empty())
      for (auto const& p : data_.predictions)
        for (auto const& [document, predicted] : p.evidence)
          if (predicted.label != verdict::nei) {
            cited_for_[p.id].insert(document);
            tell_citation(document);
          }
    counts_ = write_json(data_.counts);
    counts_["outputs_with_claim"] = with_claim;
    counts_["proposed_claims"] = proposed;
    counts_["relations"] = relations;
    counts_["malformed_lines"] = malformed;
    counts_["cited"] = cited_;
    counts_["cited_in_corpus"] = cited_in_corpus_;
    with_claim_ = with_claim;
  }

  void tell_citation(std::string const& document) {
    ++cited_;
    cited_in_corpus_ += documents_.contains(document) ? 1 : 0;
  }

  bool is_enabled(std::string const& name) const {
    return std::find(enabled_.begin(), enabled_.end(), name) != enabled_.end();
  }

  template <class Compute>
  void metric(std::string const& name, double target, Compute const& compute) {
    metrics_["targets"][name] = target;
    if (!is_enabled(name)) {
      metrics_[name] = nullptr;
      notes_[name] = "not enabled";
      return;
    }
    ++enabled_metrics_;
    std::optional<double> const value = compute();
    metrics_[name] = value ? json(*value) : json{};
    if (value) {
      ++computed_;
      passed_ += *value >= target ? 1 : 0;
    }
  }

  std::optional<double> schema_compliance() {
    if (data_.outputs.empty()) {
      notes_["schema_compliance"] = "the data set has no outputs of a proposer";
      return std::nullopt;
    }
    return static_cast<double>(with_claim_) / static_cast<double>(data_.outputs.size());
  }

  std::optional<double> citation_accuracy() {
    auto& note = notes_["citation_accuracy"];
    if (documents_.empty())
      note = "the data set has no corpus";
    else if (cited_ == 0)
      note = "no document is cited";
    if (!note.is_null())
      return std::nullopt;
    if (data_.outputs.empty())
      note = "from the predictions, since the data set has no outputs of a proposer";
    else
      notes_.erase("citation_accuracy");
    return static_cast<double>(cited_in_corpus_) / static_cast<double>(cited_);
  }

  void score_texts() {
    if (texts_ == nullptr || !(is_enabled("entailment_score") || is_enabled("similarity_score")))
      return;
    scores_ = data_.outputs.empty() ? score_predictions(data_, cited_for_, *texts_)
                                    : score_proposals(data_, outputs_, cited_for_, *texts_);
    metrics_["scorer"] = texts_->scorer.name();
    counts_["scored_claims"] = scores_.claims;
    counts_["entailment_pairs"] = scores_.pairs;
    counts_["claims_without_evidence_text"] = scores_.without_evidence;
  }

  std::optional<double> entailment_score() {
    bool const from_predictions = data_.outputs.empty();
    std::string note;
    if (from_predictions && data_.predictions.empty())
      note = "the data set has no outputs of a proposer and no predictions";
    else if (texts_ == nullptr || texts_->documents.documents().empty())
      note = "the data set has no corpus";
    else if (!scores_.entailment)
      note = "no claim has an output or a prediction";
    else if (from_predictions)
      notes_["entailment_score"] =
          "from the predictions, since the data set has no outputs of a proposer";
    if (note.empty() && scores_.without_evidence > 0) {
      auto& text = notes_["entailment_score"];
      text = (text.is_null() ? "" : text.get<std::string>() + "; ") +
             std::to_string(scores_.without_evidence) +
             " claims have no sentence of the corpus as evidence and count as 0";
    }
    if (note.empty())
      return scores_.entailment;
    notes_["entailment_score"] = note;
    return std::nullopt;
  }

  std::optional<double> similarity_score() {
    if (!scores_.similarity)
      notes_["similarity_score"] = data_.outputs.empty()
                                       ? "the data set has no outputs of a proposer"
                                       : "no claim has an output";
    return scores_.similarity;
  }

  void count_gated() {
    counts_["gated"] = std::count_if(
        data_.claims.begin(), data_.claims.end(),
        [this](gold_claim const& claim) { return !all_gold_is_cited(claim, cited_for_); });
  }

  void label_part() {
    if (data_.predictions.empty()) {
      metrics_["labels"] = nullptr;
      notes_["labels"] = "the data set has no predictions";
      return;
    }
    auto const scores = score_labels(data_.claims, data_.predictions);
    metrics_["labels"] = to_json(scores);
    counts_["retrieved_documents"] = scores.abstract_label_only.retrieved;
    counts_["relevant_documents"] = scores.abstract_label_only.relevant;
    counts_["retrieved_sentences"] = scores.sentence_selection.retrieved;
    counts_["relevant_sentences"] = scores.sentence_selection.relevant;
  }

  dataset const& data_;
  std::vector<std::string> const& enabled_;
  proposer_targets targets_;
  proposer_texts const* texts_;
  std::vector<parsed_output> outputs_;
  proposer_scores scores_;
  std::set<std::string> documents_{data_.documents.begin(), data_.documents.end()};
  citations cited_for_;
  std::int64_t with_claim_ = 0;
  std::int64_t cited_ = 0;
  std::int64_t cited_in_corpus_ = 0;
  int enabled_metrics_ = 0;
  int computed_ = 0;
  int passed_ = 0;
  json metrics_ = json::object();
  json counts_ = json::object();
  json notes_ = json::object();
};

class proposer_metrics_stage final : public stage {
 public:
  stage_description describe() const override {
    proposer_targets const usual;
    auto const target = [](char const* name, double value, char const* of) {
      return between(option(name, "number", value, std::string{"least "} + of + " that passes"), 0,
                     1);
    };
    stage_description d;
    d.name = "proposer_metrics";
    d.summary =
        "scores a proposer: schema, citations, entailment, similarity, SciFact's label scores";
    d.backend = "stage_host";
    d.options = {option("metrics", "array", proposer_metric_names(), "which metrics are enabled"),
                 target("schema_target", usual.schema_compliance, "schema_compliance"),
                 target("citation_target", usual.citation_accuracy, "citation_accuracy"),
                 target("entailment_target", usual.entailment_score, "entailment_score"),
                 target("similarity_target", usual.similarity_score, "similarity_score"),
                 between(option("batch_size", "integer", usual_batch, "pairs a call of the scorer"),
                         1, 100'000)};
    for (auto& each : scorer_options())
      d.options.push_back(std::move(each));
    return d;
  }

  outcome run(context ctx, json const& options, stage_env& env) const override {
    if (!has_dataset(ctx))
      return no_dataset();
    auto const data = dataset_of(ctx);
    auto const enabled = enabled_of(options);
    auto metrics = measured(data, enabled, ctx, options, env);
    if (env.log)
      for (auto const& [name, note] : metrics.at("notes").items())
        env.log(name + ": " + note.get<std::string>());
    ctx.metrics["proposer"] = metrics;
    return outcome::success(std::move(metrics), std::move(ctx));
  }

 private:
  static constexpr std::size_t usual_batch = 32;

  static json measured(dataset const& data, std::vector<std::string> const& enabled,
                       context const& ctx, json const& options, stage_env& env) {
    auto const is_enabled = [&](char const* name) {
      return std::find(enabled.begin(), enabled.end(), name) != enabled.end();
    };
    bool const entailment = is_enabled("entailment_score");
    bool const similarity = is_enabled("similarity_score");
    if (!entailment && !similarity)
      return proposer_metrics(data, enabled, targets_of(options), nullptr);
    auto const documents = load_corpus(ctx, env);
    auto const index = index_of(documents);
    auto const scorer = scorer_from(options, ctx, index);
    proposer_texts const with{documents,
                              index,
                              *scorer,
                              options.value("batch_size", usual_batch),
                              entailment,
                              similarity,
                              hooks_of(env, "scoring")};
    return proposer_metrics(data, enabled, targets_of(options), &with);
  }

  static std::vector<std::string> enabled_of(json const& options) {
    auto enabled = proposer_metric_names();
    if (auto const given = options.find("metrics"); given != options.end())
      read_json(*given, enabled);
    auto const& known = proposer_metric_names();
    for (auto const& name : enabled)
      if (std::find(known.begin(), known.end(), name) == known.end()) {
        auto const near = nearest(name, known);
        throw shape_error(
            "options.metrics", "\"" + name + "\" is not allowed",
            near.empty() ? "some of " + joined(known) : near + " (did you mean that?)");
      }
    return enabled;
  }

  static proposer_targets targets_of(json const& options) {
    proposer_targets const usual;
    return {options.value("schema_target", usual.schema_compliance),
            options.value("citation_target", usual.citation_accuracy),
            options.value("entailment_target", usual.entailment_score),
            options.value("similarity_target", usual.similarity_score)};
  }
};

}  // namespace

std::vector<std::string> const& proposer_metric_names() {
  static std::vector<std::string> const names{"schema_compliance", "citation_accuracy",
                                              "entailment_score", "similarity_score"};
  return names;
}

json proposer_metrics(dataset const& data, std::vector<std::string> const& enabled,
                      proposer_targets const& targets, proposer_texts const* texts) {
  return measurement{data, enabled, targets, texts}.measure();
}

std::unique_ptr<stage> make_proposer_metrics() {
  return std::make_unique<proposer_metrics_stage>();
}

}  // namespace nsai::stages
