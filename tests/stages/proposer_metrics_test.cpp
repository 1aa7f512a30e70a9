#include "stages/proposer_metrics.hpp"

#include <algorithm>
#include <random>

#include <doctest/doctest.h>

using namespace nsai;
using namespace nsai::stages;

namespace {

dataset data_with_outputs() {
  dataset data;
  data.claims = {{"1", "a", {{"5", {{{0}, verdict::support}}}}, {}},
                 {"2", "b", {{"6", {{{1}, verdict::support}}}}, {}}};
  data.documents = {"5", "6"};
  data.outputs = {{"1", "CLAIM[c1] (Document 5): yes\nsee [ref:99]"},
                  {"2", "no claim, but Document 5: here"}};
  return data;
}

corpus small_corpus() {
  return corpus{{{"5", "", {"Aspirin thins blood.", "It was cheap.", "Cats purr.", "Dogs bark."}},
                 {"6", "", {"Statins lower cholesterol.", "They do not lower glucose."}}}};
}

json scored(dataset const& data, std::vector<std::string> const& enabled,
            proposer_targets const& targets = {}, corpus const& documents = small_corpus()) {
  auto const index = index_of(documents);
  auto const scorer = make_lexical_scorer({});  // without an index every word weighs 1
  proposer_texts const texts{documents, index, *scorer, 2, true, true, {}};
  return proposer_metrics(data, enabled, targets, &texts);
}

/// Keeps what it was asked about.
struct seen_evidence final : text_scorer {
  std::string name() const override { return "seen"; }
  std::vector<entailment> entail(std::span<text_pair const> pairs, compute_hooks const&) override {
    for (auto const& pair : pairs)
      evidence.push_back(pair.evidence);
    return std::vector<entailment>(pairs.size());
  }
  std::vector<double> similar(std::span<text_pair const> pairs, compute_hooks const&) override {
    return std::vector<double>(pairs.size());
  }
  std::vector<std::string> evidence;
};

}  // namespace

TEST_CASE(
    "worked by hand: one of two outputs has a claim, two of three citations exist, one claim is "
    "gated") {
  auto const m = scored(data_with_outputs(), proposer_metric_names());
  CHECK(m.at("schema_compliance") == 0.5);
  CHECK(m.at("citation_accuracy").get<double>() == doctest::Approx(2.0 / 3));
  CHECK(m.at("counts").at("cited") == 3);
  CHECK(m.at("counts").at("gated") == 1);
  CHECK(m.at("overall_pass_rate") == 0.0);
  CHECK(scored(data_with_outputs(), proposer_metric_names(), {0.5, 0.9, 0, 0})
            .at("overall_pass_rate") == 0.75);
  CHECK(m.at("counts").at("enabled_metrics") == 4);
  CHECK(m.at("counts").at("computed_metrics") == 4);
}

TEST_CASE("properties: every score lies in [0, 1], and the order of lines means nothing") {
  std::mt19937_64 random{5};
  std::vector<std::string> const lines{"CLAIM[c1] (Document 5): Aspirin thins blood.",
                                       "CLAIM[c2] (Document 6): Statins do not lower glucose.",
                                       "CLAIM[c3]: Cats bark.",
                                       "see [ref:99]",
                                       "Document 6: here",
                                       "RELATION: c2 supports c1"};
  for (int round = 0; round < 60; ++round) {
    dataset data;
    data.documents = {"5", "6"};
    for (auto const* id : {"1", "2", "3", "4"}) {
      gold_claim claim{id, "Aspirin thins blood.", {}, {}};
      for (auto const* document : {"5", "6"})
        if (random() % 2 == 0)
          claim.evidence[document] = {
              {{static_cast<std::int64_t>(random() % 2)}, verdict::support}};
      data.claims.push_back(std::move(claim));
      std::string text;
      for (auto const& line : lines)
        if (random() % 2 == 0)
          text += line + "\n";
      data.outputs.push_back({id, text});
    }
    auto const m = scored(data, proposer_metric_names());
    auto mixed = data;
    std::shuffle(mixed.claims.begin(), mixed.claims.end(), random);
    std::shuffle(mixed.outputs.begin(), mixed.outputs.end(), random);
    std::shuffle(mixed.documents.begin(), mixed.documents.end(), random);
    auto const again = scored(mixed, proposer_metric_names());
    for (auto const* name : {"schema_compliance", "citation_accuracy", "entailment_score",
                             "similarity_score", "overall_pass_rate"}) {
      CAPTURE(name);
      REQUIRE(m.at(name).is_null() == again.at(name).is_null());
      if (m.at(name).is_null())
        continue;
      CHECK(m.at(name) >= 0);
      CHECK(m.at(name) <= 1);
      CHECK(again.at(name).get<double>() == doctest::Approx(m.at(name).get<double>()));
    }
  }
}

TEST_CASE("what cannot be computed is null with the reason, never a number") {
  auto const m = scored(dataset{}, proposer_metric_names(), {}, corpus{{}});
  for (auto const* name : {"schema_compliance", "citation_accuracy", "entailment_score",
                           "similarity_score", "labels", "overall_pass_rate"}) {
    CAPTURE(name);
    CHECK(m.at(name).is_null());
    CHECK_FALSE(m.at("notes").at(name).get<std::string>().empty());
  }
}

TEST_CASE("a metric that is not enabled is null and does not count for the pass rate") {
  auto const m =
      proposer_metrics(data_with_outputs(), {"schema_compliance"}, {0.5, 0.9, 0, 0}, nullptr);
  CHECK(m.at("citation_accuracy").is_null());
  CHECK(m.at("notes").at("citation_accuracy") == "not enabled");
  CHECK(m.at("overall_pass_rate") == 1.0);
}

TEST_CASE("without outputs the predictions that are not NEI are the citations") {
  auto data = data_with_outputs();
  data.outputs.clear();
  data.predictions = {{"1",
                       {{"5", {verdict::support, {0}}},
                        {"77", {verdict::contradict, {}}},
                        {"6", {verdict::nei, {}}}}}};
  auto const m = scored(data, proposer_metric_names());
  CHECK(m.at("citation_accuracy") == 0.5);
  CHECK(m.at("labels").at("abstract_label_only").at("precision") == 0.5);
}

TEST_CASE("an unknown metric is refused by name, and a missing data set told") {
  stage_env env;
  context ctx;
  ctx.inputs["dataset"] = write_json(data_with_outputs());
  auto const typo =
      run_stage(*make_proposer_metrics(), json_text::of({{"metrics", {"schema_complaince"}}}),
                json_text::of(write_json(ctx)), env);
  REQUIRE(typo.error);
  CHECK(typo.error->message.find("schema_compliance (did you mean that?)") != std::string::npos);
  auto const none = run_stage(*make_proposer_metrics(), {}, {}, env);
  REQUIRE(none.error);
  CHECK(none.error->code == "no_dataset");
}

TEST_CASE(
    "worked by hand: entailment and similarity of proposals, a gated claim and one without a "
    "claim count as 0") {
  dataset data;
  data.claims = {{"1", "Aspirin thins blood", {{"5", {{{0}, verdict::support}}}}, {}},
                 {"2", "Statins lower glucose", {{"6", {{{1}, verdict::contradict}}}}, {}},
                 {"3", "Never proposed, nothing to cite", {}, {}},
                 {"4", "Dogs bark", {{"5", {{{3}, verdict::support}}}}, {}}};
  data.documents = {"5", "6"};
  data.outputs = {{"1",
                   "CLAIM[c1] (Document 5): Aspirin thins blood\n"
                   "CLAIM[c2]: Aspirin thins blood quickly, see Document 5:"},
                  {"2", "CLAIM[c1] (Document 6): Statins lower glucose"},
                  {"4", "CLAIM[c1] (Document 6): Dogs bark"}};
  auto const m = scored(data, {"entailment_score", "similarity_score"});
  // Claim 1: c1 is covered wholly: 1; of the 6 words of c2 (aspirin, thin, blood, quickli, see,
  // document) 3: 0.5; mean 0.75. Claim 2: "They do not lower glucose." and "Statins lower
  // cholesterol." cover the same share each, so the first tells the sign: support, all of 3 words:
  // 1. Claim 3 has no output and is not gated: not counted. Claim 4 cites 6 and not 5: 0.
  CHECK(m.at("entailment_score").get<double>() == doctest::Approx(1.75 / 3));
  // Cosines without an index: claim 1: 1 and 3 / sqrt(3 · 6) = 0.70710678; claim 2: 1; claim 4: 0.
  CHECK(m.at("similarity_score").get<double>() ==
        doctest::Approx(((1 + 0.70710678) / 2 + 1 + 0) / 3));
  CHECK(m.at("counts").at("scored_claims") == 3);
  CHECK(m.at("counts").at("entailment_pairs") == 3);
  CHECK(m.at("scorer") == "lexical");
}

TEST_CASE("of more than three sentences the three most similar ones are the evidence") {
  dataset data;
  data.claims = {{"1", "Alpha beta gamma delta", {}, {}}};
  data.documents = {"7"};
  data.outputs = {{"1", "CLAIM[c1] (Document 7): Alpha beta gamma delta"}};
  corpus const documents{{{"7",
                           "",
                           {"It was cheap.", "Delta rivers carry brown mud.", "Alpha.", "Beta.",
                            "Gamma.", "Cats purr."}}}};
  // Cosines: alpha, beta and gamma 1 / sqrt(4 · 1) each, delta among five words 1 / sqrt(4 · 5),
  // the others 0. The best three cover 3 of the 4 words; the best four would cover all, the best
  // two, the first three and the last three only 2.
  CHECK(scored(data, {"entailment_score"}, {}, documents).at("entailment_score") == 0.75);
}

TEST_CASE("a document that the corpus lacks is no evidence: 0") {
  dataset data;
  data.claims = {{"1", "Dogs bark", {}, {}}};
  data.outputs = {{"1", "CLAIM[c1] (Document 99): Dogs bark"}};
  auto const m = scored(data, {"entailment_score", "similarity_score"});
  CHECK(m.at("entailment_score") == 0.0);
  CHECK(m.at("similarity_score") == 1.0);
  CHECK(m.at("counts").at("claims_without_evidence_text") == 1);
}

TEST_CASE("predictions: their sentences are the evidence, similarity cannot be computed") {
  dataset data;
  data.claims = {{"1", "Aspirin thins blood", {{"5", {{{0}, verdict::support}}}}, {}},
                 {"2", "Statins lower glucose", {{"6", {{{1}, verdict::contradict}}}}, {}},
                 {"3", "Cats purr", {}, {}}};
  data.documents = {"5", "6"};
  data.predictions = {{"1", {{"5", {verdict::support, {0, 77}}}}},
                      {"2", {{"6", {verdict::nei, {0}}}}},
                      {"3", {{"6", {verdict::nei, {}}}}}};
  auto const m = scored(data, {"entailment_score", "similarity_score"});
  // Claim 1: 1; claim 2 is gated: 0; claim 3 has no document that is not NEI: not counted.
  CHECK(m.at("entailment_score") == 0.5);
  CHECK(m.at("similarity_score").is_null());
  CHECK(m.at("notes").at("similarity_score") == "the data set has no outputs of a proposer");
}

TEST_CASE("proposals and predictions of the context take the place of the data set's") {
  context ctx;
  ctx.inputs["dataset"] = write_json(data_with_outputs());
  ctx.outputs["proposals"] = {{{"id", 1}, {"output", "nothing"}, {"model", "m"}}};
  stage_env env;
  auto const done =
      run_stage(*make_proposer_metrics(), json_text::of({{"metrics", {"schema_compliance"}}}),
                json_text::of(write_json(ctx)), env);
  CHECK(done.value.value().at("schema_compliance") == 0.0);
  ctx.outputs["proposals"] = {{{"id", 1}}};
  auto const bad = run_stage(*make_proposer_metrics(), {}, json_text::of(write_json(ctx)), env);
  REQUIRE(bad.error);
  CHECK(bad.error->message.starts_with("outputs.proposals[0]: "));
}

TEST_CASE("an enabled metric that cannot be computed has not reached its target") {
  auto data = data_with_outputs();
  data.documents.clear();
  auto const m =
      proposer_metrics(data, {"schema_compliance", "citation_accuracy"}, {0.5, 0.9, 0, 0}, nullptr);
  CHECK(m.at("citation_accuracy").is_null());
  CHECK(m.at("overall_pass_rate") == 0.5);
  CHECK(m.at("counts").at("enabled_metrics") == 2);
  CHECK(m.at("counts").at("computed_metrics") == 1);
}

TEST_CASE("predicted sentences that are negative or come twice: none and one") {
  dataset data;
  data.claims = {{"1", "Aspirin thins blood", {{"5", {{{0}, verdict::support}}}}, {}}};
  data.documents = {"5"};
  data.predictions = {{"1", {{"5", {verdict::support, {-1, 0, 0, -77}}}}}};
  auto const documents = small_corpus();
  auto const index = index_of(documents);
  seen_evidence scorer;
  proposer_texts const texts{documents, index, scorer, 2, true, false, {}};
  proposer_metrics(data, {"entailment_score"}, {}, &texts);
  CHECK(scorer.evidence == std::vector<std::string>{"Aspirin thins blood."});
}
