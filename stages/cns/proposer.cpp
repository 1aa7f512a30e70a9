#include "stages/cns/proposer.hpp"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "stages/artifacts.hpp"
#include "stages/cns/proposing.hpp"
#include "stages/cns/stage_parts.hpp"
#include "stages/cns/text_model.hpp"
#include "stages/on_device.hpp"
#include "stages/option_list.hpp"

namespace nsai::stages {
namespace {

constexpr char const* built_in_proposer = "extractive";

/// Questions that are scored together, and between two reports of progress.
constexpr std::size_t questions_a_batch = 32;

/// An estimate, not a bound: flags and syntheses took a quarter of what the proposer wrote on
/// SciFact, and half of it on short generated texts.
std::size_t with_room_for_others(std::size_t bytes) {
  return bytes + bytes / 10 * 6;
}

template <class T>
std::size_t bytes_of(T const& each) {
  return json_text::of(write_json(each)).text.size() + 1;  // and a comma
}

proposer_settings proposer_settings_of(json const& options) {
  proposer_settings s;
  s.sentences = count_of(options, "sentences");
  s.claims_per_document = count_of(options, "claims_per_document");
  s.support_threshold = share_of(options, "support_threshold");
  s.refute_threshold = share_of(options, "refute_threshold");
  s.cross_relations = count_of(options, "cross_relations");
  return s;
}

class proposing_run {
 public:
  /// `context_bytes`: what is in the context before.
  proposing_run(dataset const& data, corpus const& texts, json const& options,
                std::size_t context_bytes)
      : data_(data),
        texts_(texts),
        options_(options),
        settings_(proposer_settings_of(options)),
        context_bytes_(context_bytes) {}

  /// How it ended before it was done; nothing: it is.
  std::optional<outcome> run(text_scorer& scorer, text_model* model, tfidf_index const& index,
                             stage_env& env) {
    for (auto const* name : {"cited", "nearest"})
      retrieved_[name] = 0;
    auto const questions = retrieve(index);
    for (std::size_t at = 0; at < questions.size(); at += questions_a_batch) {
      if (env.stop.stop_requested())
        return outcome::stopped();
      if (env.progress)
        env.progress(0.9 * static_cast<double>(at) / static_cast<double>(questions.size()),
                     "proposing for claim " + questions[at].claim->id);
      auto const count = std::min(questions_a_batch, questions.size() - at);
      propose(std::span{questions}.subspan(at, count), scorer, model, index, {env.stop, nullptr});
      if (auto fault = too_large(at + count, questions.size()))
        return fault;
    }
    auto const cross = cross_relations(snos_, scorer, claims_index(snos_), settings_,
                                       hooks_of(env.part(0.9, 1.0), "relating claims"));
    cross_ = std::ssize(cross);
    for (auto const& each : cross) {
      bytes_ += bytes_of(each);
      relations_.push_back(each);
    }
    if (env.stop.stop_requested())
      return outcome::stopped();
    return too_large(questions.size(), questions.size());
  }

  json metrics() const {
    std::int64_t evidence = 0;
    for (auto const& each : snos_)
      evidence += std::ssize(each.evidence);
    return {{"proposals", proposals_.size()},
            {"snos", snos_.size()},
            {"relations", relations_.size()},
            {"cross_relations", cross_},
            {"evidence", evidence},
            {"retrieved", write_json(retrieved_)},
            {"without_documents", without_documents_},
            {"empty_claims", empty_claims_},
            {"malformed_lines", malformed_},
            {"claims_beyond_limit", claims_beyond_limit_},
            {"pairs_beyond_limit", pairs_beyond_limit_},
            {"unknown_documents", unknown_documents_},
            {"duplicate_ids", duplicate_ids_}};
  }

  void write(json& outputs) const {
    outputs["snos"] = write_json(snos_);
    outputs["relations"] = write_json(relations_);
    outputs["proposals"] = write_json(proposals_);
    outputs["predictions"] = write_json(predictions_);
  }

  /// What was left out, in words; empty: nothing.
  std::string left_out() const {
    return claims_beyond_limit_ + pairs_beyond_limit_ == 0
               ? std::string{}
               : fmt::format(
                     "left out: {} claims beyond the first {} of a text, and comparisons of {} "
                     "pairs of claims",
                     claims_beyond_limit_, most_claims_of_a_text, pairs_beyond_limit_);
  }

 private:
  std::optional<outcome> too_large(std::size_t done, std::size_t questions) const {
    auto const bytes = context_bytes_ + with_room_for_others(bytes_);
    if (bytes <= most_result_bytes)
      return std::nullopt;
    return outcome::failure(
        "result_too_large",
        fmt::format("outputs: {} of {} claims make {} bytes with the context and with room for an "
                    "antagonist and a synthesizer; expected at most {} (16 MiB): give data_load a "
                    "limit of less than {} claims, or the proposer fewer claims_per_document "
                    "(now {}) or sentences (now {})",
                    done, questions, bytes, most_result_bytes, done, settings_.claims_per_document,
                    settings_.sentences),
        false);
  }

  std::vector<question> retrieve(tfidf_index const& index) {
    bool const cited = options_.at("retrieval") == "cited";
    std::vector<question> questions;
    for (auto const& claim : data_.claims) {
      if (claim.claim.find_first_not_of(" \t\r\n") == std::string::npos) {
        ++empty_claims_;
        continue;
      }
      question q{&claim, {}};
      if (cited)
        for (auto const& id : claim.cited_doc_ids)
          if (auto const* document = texts_.find(id);
              document != nullptr &&
              std::find(q.documents.begin(), q.documents.end(), document) == q.documents.end())
            q.documents.push_back(document);
      retrieved_["cited"] += std::ssize(q.documents);
      if (q.documents.empty()) {
        for (auto const& hit : index.nearest(claim.claim, count_of(options_, "documents")))
          q.documents.push_back(&texts_.documents()[hit.text]);
        retrieved_["nearest"] += std::ssize(q.documents);
      }
      without_documents_ += q.documents.empty() ? 1 : 0;
      questions.push_back(std::move(q));
    }
    return questions;
  }

  void propose(std::span<question const> questions, text_scorer& scorer, text_model* model,
               tfidf_index const& index, compute_hooks const& hooks) {
    auto drafts = model == nullptr ? extract_drafts(questions, scorer, index, settings_, hooks)
                                   : ask(questions, *model, hooks);
    for (auto& made :
         ground_drafts(questions, std::move(drafts), texts_, scorer, settings_, hooks)) {
      for (auto& each : made.snos) {
        if (!ids_.insert(each.id).second) {
          ++duplicate_ids_;
          continue;
        }
        bytes_ += bytes_of(each);
        snos_.push_back(std::move(each));
      }
      for (auto const& each : made.relations)
        bytes_ += bytes_of(each);
      bytes_ += bytes_of(made.output) + bytes_of(made.predicted);
      relations_.insert(relations_.end(), made.relations.begin(), made.relations.end());
      proposals_.push_back(std::move(made.output));
      predictions_.push_back(std::move(made.predicted));
      malformed_ += made.malformed;
      claims_beyond_limit_ += made.claims_beyond_limit;
      pairs_beyond_limit_ += made.pairs_beyond_limit;
      unknown_documents_ += made.unknown_documents;
    }
  }

  static std::vector<draft> ask(std::span<question const> questions, text_model& model,
                                compute_hooks const& hooks) {
    std::vector<json> requests;
    for (auto const& q : questions) {
      json documents = json::array();
      for (auto const* document : q.documents)
        documents.push_back({{"id", document->id}, {"sentences", document->sentences}});
      requests.push_back(
          {{"id", q.claim->id}, {"claim", q.claim->claim}, {"documents", std::move(documents)}});
    }
    std::vector<draft> drafts;
    for (auto const& text : model.answer(requests, hooks))
      drafts.push_back(draft_of_text(text));
    return drafts;
  }

  dataset const& data_;
  corpus const& texts_;
  json const& options_;
  proposer_settings settings_;
  std::size_t context_bytes_;
  std::size_t bytes_ = 0;  // of the outputs so far
  std::vector<sno> snos_;
  std::vector<claim_relation> relations_;
  std::vector<proposer_output> proposals_;
  std::vector<prediction> predictions_;
  std::set<std::string> ids_;
  std::map<std::string, std::int64_t> retrieved_;
  std::int64_t cross_ = 0, without_documents_ = 0, empty_claims_ = 0, malformed_ = 0,
               claims_beyond_limit_ = 0, pairs_beyond_limit_ = 0, unknown_documents_ = 0,
               duplicate_ids_ = 0;
};

class proposer final : public stage {
 public:
  stage_description describe() const override {
    proposer_settings const usual;
    stage_description d;
    d.name = "proposer";
    d.summary = "proposes claims with evidence for the claims of a data set";
    d.backend = "stage_host";
    auto retrieval =
        option("retrieval", "string", "cited", "documents: cited ones, else nearest; or tfidf");
    retrieval.choices = {"cited", "tfidf"};
    auto const number = [](std::size_t n) { return static_cast<std::int64_t>(n); };
    d.options = {retrieval,
                 count_option("documents", 3, 1, 100, "how many nearest documents are retrieved"),
                 count_option("sentences", number(usual.sentences), 1, 100,
                              "most sentences of evidence for a claim"),
                 count_option("claims_per_document", number(usual.claims_per_document), 0, 100,
                              "claims extracted from each document"),
                 share_option("support_threshold", usual.support_threshold,
                              "least probability of a support"),
                 share_option("refute_threshold", usual.refute_threshold,
                              "least probability of a refutation"),
                 count_option("cross_relations", number(usual.cross_relations), 0, 50,
                              "pairs with other questions that are scored for a claim")};
    for (auto& each : text_model_options(built_in_proposer))
      d.options.push_back(std::move(each));
    for (auto& each : scorer_options())
      d.options.push_back(std::move(each));
    return d;
  }

  outcome run(context ctx, json const& options, stage_env& env) const override {
    if (!has_dataset(ctx))
      return no_dataset();
    auto const data = dataset_of(ctx);
    auto const texts = load_corpus(ctx, env);
    auto const index = index_of(texts);
    auto const scorer = scorer_from(options, ctx, index);
    auto const model = text_model_from(options, ctx, built_in_proposer);
    for (auto const* name : {"snos", "relations", "proposals", "predictions"})
      ctx.outputs.erase(name);  // written anew
    proposing_run work{data, texts, options, bytes_of(ctx)};
    if (auto ended = work.run(*scorer, model.get(), index, env))
      return std::move(*ended);
    auto metrics = work.metrics();
    if (env.log) {
      env.log("proposals: " + metrics.dump());
      if (auto const text = work.left_out(); !text.empty())
        env.log(text);
    }
    work.write(ctx.outputs);
    ctx.metrics["proposals"] = metrics;
    return outcome::success(std::move(metrics), std::move(ctx));
  }
};

}  // namespace

std::unique_ptr<stage> make_proposer() {
  return std::make_unique<proposer>();
}

}  // namespace nsai::stages
