#include "stages/data/data_checks.hpp"

#include <algorithm>

#include "stages/compute.hpp"
#include "stages/context_data.hpp"
#include "stages/corpus.hpp"
#include "stages/data/result_set.hpp"
#include "stages/data/statistics.hpp"
#include "stages/data_lines.hpp"
#include "stages/option_list.hpp"
#include "stages/text/words.hpp"

namespace nsai::stages {
namespace {

constexpr std::size_t most_examples = 5;
constexpr double least_label_share = 0.1;

/// Words in order with one space between them.
std::string normalised(std::string const& text) {
  std::string joined;
  for (auto const& word : words_of(text))
    joined += (joined.empty() ? "" : " ") + word;
  return joined;
}

std::string bag_in_order(std::string const& text) {
  auto words = content_words(text);
  std::sort(words.begin(), words.end());
  std::string joined;
  for (auto const& word : words)
    joined += word + " ";
  return joined;
}

json length_summary(std::vector<double> lengths) {
  if (lengths.empty())
    return nullptr;
  std::sort(lengths.begin(), lengths.end());
  return {{"min", lengths.front()},
          {"median", quantile(lengths, 0.5)},
          {"mean", mean_of(lengths)},
          {"max", lengths.back()}};
}

class finding {
 public:
  finding(char const* name, char const* severity) : name_(name), severity_(severity) {}

  void add(std::string example, std::int64_t count = 1) {
    count_ += count;
    if (examples_.size() < most_examples)
      examples_.push_back(std::move(example));
  }
  bool found() const { return count_ > 0; }
  std::string const& severity() const { return severity_; }
  std::string const& name() const { return name_; }
  std::int64_t count() const { return count_; }
  json told() const {
    return {{"name", name_}, {"severity", severity_}, {"count", count_}, {"examples", examples_}};
  }

 private:
  std::string name_;
  std::string severity_;
  std::int64_t count_ = 0;
  std::vector<std::string> examples_;
};

class checking {
 public:
  checking(dataset const& data, corpus const& documents, json const& options)
      : data_(data), documents_(documents), options_(options) {}

  void claims() {
    finding few{"too_few_claims", "error"}, ids{"duplicate_claim_ids", "error"},
        empty{"empty_claims", "error"}, texts{"duplicate_claim_texts", "warning"},
        near{"near_duplicate_claim_texts", "warning"};
    auto const least = options_.value("min_claims", std::int64_t{1});
    if (auto const have = std::ssize(data_.claims); have < least)
      few.add(std::to_string(have) + " of at least " + std::to_string(least), least - have);
    std::map<std::string, std::string> by_text, by_words;  // to the first claim's id
    std::set<std::string> seen;
    for (auto const& claim : data_.claims) {
      if (!seen.insert(claim.id).second)
        ids.add(claim.id);
      auto const text = normalised(claim.claim);
      if (text.empty()) {
        empty.add(claim.id);
        continue;
      }
      auto const same = by_text.try_emplace(text, claim.id);
      auto const alike = by_words.try_emplace(bag_in_order(claim.claim), claim.id);
      if (!same.second)
        texts.add(claim.id + " as " + same.first->second);
      else if (!alike.second)
        near.add(claim.id + " as " + alike.first->second);
    }
    keep({few, ids, empty, texts, near});
  }

  void evidence() {
    finding range{"sentences_out_of_range", "error"}, without{"claims_without_evidence", "info"},
        empty{"empty_evidence", "info"};
    for (auto const& claim : data_.claims) {
      bool any = false;
      for (auto const& [id, rationales] : claim.evidence) {
        any = any || !rationales.empty();
        if (rationales.empty())
          empty.add("claim " + claim.id + ", document " + id);
        if (auto const* document = documents_.find(id))
          out_of_range(claim.id, *document, rationales, range);
      }
      if (!any)
        without.add(claim.id);
    }
    keep({range, without, empty});
  }

  void files() {
    finding broken{"broken_lines", "warning"}, repeated{"duplicate_lines", "warning"};
    for (auto* each : {&broken, &repeated})
      if (auto const count = data_.counts.find(each->name());
          count != data_.counts.end() && count->second > 0)
        each->add("see inputs.dataset.notes", count->second);
    keep({broken, repeated});
  }

  void missing() {
    finding some{"missing_documents", "warning"}, too_many{"too_many_missing_documents", "error"};
    std::set<std::string> const have(data_.documents.begin(), data_.documents.end());
    std::set<std::string> named;
    for (auto const& claim : data_.claims) {
      for (auto const& [id, rationales] : claim.evidence)
        named.insert(id);
      named.insert(claim.cited_doc_ids.begin(), claim.cited_doc_ids.end());
    }
    if (!have.empty())
      for (auto const& id : named)
        if (!have.contains(id))
          some.add(id);
    if (static_cast<double>(some.count()) >
        options_.value("max_missing_documents", 1.0) * static_cast<double>(named.size()))
      too_many.add(std::to_string(some.count()) + " of " + std::to_string(named.size()),
                   some.count());
    keep({some, too_many});
  }

  void labels() {
    finding rare{"class_imbalance", "warning"};
    std::map<std::string, std::int64_t> counts;
    for (auto const& name : enum_names(verdict{}))
      counts[name] = 0;
    for (auto const& each : verdict_results(data_))
      ++counts[each.gold];
    for (auto const& name : enum_names(verdict{}))
      if (!data_.claims.empty() && static_cast<double>(counts[name]) <
                                       least_label_share * static_cast<double>(data_.claims.size()))
        rare.add(name + ": " + std::to_string(counts[name]) + " of " +
                 std::to_string(data_.claims.size()));
    told_["labels"] = counts;
    keep({rare});
  }

  void lengths() {
    std::vector<double> words, sentences;
    for (auto const& claim : data_.claims)
      words.push_back(static_cast<double>(words_of(claim.claim).size()));
    for (auto const& document : documents_.documents())
      sentences.push_back(static_cast<double>(document.sentences.size()));
    told_["lengths"] = {{"words_a_claim", length_summary(words)},
                        {"sentences_an_abstract", length_summary(sentences)}};
  }

  void leaks(std::vector<gold_claim> const& others) {
    finding ids{"shared_claim_ids", "error"}, texts{"shared_claim_texts", "error"};
    std::set<std::string> other_ids, other_texts;
    for (auto const& claim : others) {
      other_ids.insert(claim.id);
      other_texts.insert(normalised(claim.claim));
    }
    for (auto const& claim : data_.claims) {
      if (other_ids.contains(claim.id))
        ids.add(claim.id);
      if (auto const text = normalised(claim.claim); !text.empty() && other_texts.contains(text))
        texts.add(claim.id);
    }
    keep({ids, texts});
  }

  json finish() {
    told_["checks"] = json::array();
    for (auto const& each : findings_)
      told_["checks"].push_back(each.told());
    told_["errors"] = found_of("error");
    told_["warnings"] = found_of("warning");
    auto const fail_on = options_.value("fail_on", std::string{"error"});
    told_["passed"] = fail_on == "none" ||
                      (found_of("error") == 0 && (fail_on == "error" || found_of("warning") == 0));
    return told_;
  }

  /// What is not passed, in words.
  std::string message() const {
    std::string text;
    for (auto const& each : findings_)
      if (each.found() && each.severity() != "info")
        text += (text.empty() ? "" : "; ") + each.severity() + " " + each.name() + ": " +
                std::to_string(each.count()) + " (" +
                each.told().at("examples").at(0).get<std::string>() + ")";
    return text;
  }

 private:
  static void out_of_range(std::string const& claim, abstract const& document,
                           std::vector<rationale> const& rationales, finding& range) {
    for (auto const& r : rationales)
      for (auto const sentence : r.sentences)
        if (sentence < 0 || sentence >= std::ssize(document.sentences))
          range.add("claim " + claim + ", document " + document.id + ": sentence " +
                    std::to_string(sentence) + " of " + std::to_string(document.sentences.size()));
  }
  void keep(std::vector<finding> const& more) {
    findings_.insert(findings_.end(), more.begin(), more.end());
  }
  std::int64_t found_of(std::string const& severity) const {
    return std::count_if(findings_.begin(), findings_.end(), [&](finding const& each) {
      return each.found() && each.severity() == severity;
    });
  }

  dataset const& data_;
  corpus const& documents_;
  json const& options_;
  std::vector<finding> findings_;
  json told_ = json::object();
};

std::vector<gold_claim> claims_of_file(std::string const& given, context const& ctx) {
  auto const file = ctx.base_dir() / given;
  auto in = open_data_file(file, "options.against", "a file of claims as JSON lines");
  dataset_reader reader{"against", 0};
  reader.claims(in, file.filename().string());
  return reader.finish().claims;
}

class data_checks final : public stage {
 public:
  stage_description describe() const override {
    stage_description d;
    d.name = "data_checks";
    d.summary = "looks over a data set: duplicates, labels, missing documents, leaks";
    d.backend = "stage_host";
    auto fail_on = option("fail_on", "string", "error", "from which severity on to fail");
    fail_on.choices = {"none", "error", "warning"};
    d.options = {at_least(option("min_claims", "integer", 1, "fewer are an error"), 0),
                 between(option("max_missing_documents", "number", 1.0,
                                "share of the named documents that the corpus may lack"),
                         0, 1),
                 option("against", "string", "", "claims of another split, which may share none"),
                 fail_on};
    return d;
  }

  outcome run(context ctx, json const& options, stage_env& env) const override {
    if (!has_dataset(ctx))
      return no_dataset();
    auto const data = dataset_of(ctx);
    auto const documents = load_corpus(ctx, env);
    checking all{data, documents, options};
    all.claims();
    all.evidence();
    all.files();
    all.missing();
    all.labels();
    all.lengths();
    if (auto const against = options.value("against", std::string{}); !against.empty())
      all.leaks(claims_of_file(against, ctx));
    if (env.stop.stop_requested())
      return outcome::stopped();
    auto told = all.finish();
    bool const passed = told.at("passed").get<bool>();
    ctx.metrics["data_checks"] = told;
    if (auto const text = all.message(); env.log && !text.empty())
      env.log(text);
    auto done = outcome::success(std::move(told));
    if (!passed)
      done.error = outcome::failure("data_checks_failed", all.message(), false).error;
    done.context = std::move(ctx);
    return done;
  }
};

}  // namespace

std::unique_ptr<stage> make_data_checks() {
  return std::make_unique<data_checks>();
}

}  // namespace nsai::stages
