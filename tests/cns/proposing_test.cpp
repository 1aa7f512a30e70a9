#include "stages/cns/proposing.hpp"

#include <algorithm>

#include <doctest/doctest.h>

#include "tests/cns/table_scorer.hpp"

using namespace nsai;
using namespace nsai::stages;

namespace {

gold_claim const asked{"7", "the question", {}, {"1"}};

corpus two_documents() {
  return corpus{
      {{"1", "", {"for it", "aside", "also for it"}}, {"2", "", {"against it", "aside"}}}};
}

std::vector<question> asked_of(corpus const& texts) {
  return {{&asked, {texts.find("1"), texts.find("2")}}};
}

tests::table_scorer scores_of_two_documents() {
  tests::table_scorer scorer;
  scorer.entails("for it", "the question", 0.9);
  scorer.entails("also for it", "the question", 0.6);
  scorer.contradicts("against it", "the question", 0.8);
  scorer.contradicts("against it", "for it", 0.7);
  for (auto const* same : {"for it", "also for it", "against it"})
    scorer.entails(same, same, 1);
  return scorer;
}

}  // namespace

TEST_CASE("a proposal worked by hand: one document supports, one refutes, two claims contradict") {
  auto const texts = two_documents();
  auto const questions = asked_of(texts);
  auto scorer = scores_of_two_documents();
  proposer_settings settings;
  settings.claims_per_document = 1;
  auto drafts = extract_drafts(questions, scorer, index_of(texts), settings, {});
  auto const made = ground_drafts(questions, std::move(drafts), texts, scorer, settings, {}).at(0);
  CHECK(made.output.output ==
        "CLAIM[c1] (Document 1): the question\n"
        "CLAIM[c2] (Document 1): for it\n"
        "CLAIM[c3] (Document 2): against it\n"
        "RELATION: c2 supports c1\n"
        "RELATION: c3 refutes c1\n"
        "RELATION: c3 contradicts c2\n");
  REQUIRE(made.snos.size() == 3);
  CHECK(made.snos[0].id == "7.c1");
  REQUIRE(made.snos[0].evidence.size() == 2);  // the most probable first
  CHECK(made.snos[0].evidence[0].source == "1:0");
  CHECK(made.snos[0].evidence[1].source == "1:2");
  CHECK(made.snos[0].evidence[1].validity.value == doctest::Approx(0.6));
  CHECK(made.snos[0].confidence.value == doctest::Approx(0.55));  // (1 + 0.9 - 0.8) / 2
  CHECK(made.predicted.evidence.at("1").label == verdict::support);
  CHECK(made.predicted.evidence.at("1").sentences == std::vector<std::int64_t>{0, 2});
  CHECK(made.predicted.evidence.at("2").label == verdict::contradict);
  CHECK(made.predicted.evidence.at("2").sentences == std::vector<std::int64_t>{0});
}

TEST_CASE("a model's text: relations give the labels, what does not hold together is counted") {
  auto const texts = two_documents();
  auto const questions = asked_of(texts);
  auto scorer = scores_of_two_documents();
  auto const made =
      ground_drafts(questions,
                    {draft_of_text("CLAIM[a]: the question\nCLAIM[b] (Document 2): against it\n"
                                   "CLAIM[b]: again\nCLAIM[d] (Document 99): elsewhere\n"
                                   "RELATION: b refutes a\nRELATION: b supports nobody\n"
                                   "RELATION: a supports a\nCLAIM: none")},
                    texts, scorer, {}, {})
          .at(0);
  CHECK(made.malformed == 4);
  CHECK(made.unknown_documents == 1);
  REQUIRE(made.snos.size() == 3);
  CHECK(made.snos[2].evidence.at(0).source == "99");
  CHECK(made.snos[2].evidence.at(0).validity == 0);
  CHECK(made.relations.size() == 1);
  CHECK(made.predicted.evidence.at("1").label == verdict::support);  // the statement's evidence
  CHECK(made.predicted.evidence.at("2").label == verdict::contradict);
  CHECK(made.predicted.evidence.at("2").sentences == std::vector<std::int64_t>{0});
}

TEST_CASE("relations by thresholds: at the threshold yes, a tick below no; entailment wins a tie") {
  proposer_settings const s{.support_threshold = 0.5, .refute_threshold = 0.5};
  CHECK(relation_of({0.5, 0, 0.5}, s) == relation_kind::supports);
  CHECK_FALSE(relation_of({0.499, 0, 0.501}, s));
  CHECK(relation_of({0, 0.5, 0.5}, s) == relation_kind::refutes);
  CHECK_FALSE(relation_of({0, 0.499, 0.501}, s));
  CHECK(relation_of({0.5, 0.5, 0}, s) == relation_kind::supports);
}

TEST_CASE("claims of different questions are related where they share a document, and once") {
  std::vector<sno> const snos{{"1.c1", "1", "x", "5", {}, 1.0, {}},
                              {"2.c1", "2", "y", "5", {}, 1.0, {}},
                              {"3.c1", "3", "z", "6", {{"5:1", "", 1.0}}, 1.0, {}},
                              {"4.c1", "4", "x", "7", {}, 1.0, {}}};
  tests::table_scorer scorer;
  scorer.entails("x", "y", 0.6);
  scorer.entails("y", "x", 0.9);
  scorer.contradicts("x", "z", 0.8);
  auto const found = cross_relations(snos, scorer, {}, {}, {});
  REQUIRE(found.size() == 2);
  CHECK(found[0].from == "2.c1");  // the stronger direction
  CHECK(found[0].to == "1.c1");
  CHECK(found[1].kind == relation_kind::contradicts);
  CHECK(found[1].to == "3.c1");
  CHECK(cross_relations(snos, scorer, {}, {.cross_relations = 0}, {}).empty());
}

TEST_CASE("what is blank in a claim does not break its line, nor an odd document id") {
  draft const d{{{"c1", "a b", "two\nlines \t here"}}, {}, {}, 0, false};
  CHECK(text_of(d) == "CLAIM[c1]: two lines here\n");
  CHECK(parse_proposal(text_of(d)).malformed == 0);
}

TEST_CASE("of a model's text the first 100 claims are taken; the rest is counted, not malformed") {
  std::string text;
  for (int i = 1; i <= 130; ++i)
    text += "CLAIM[c" + std::to_string(i) + "]: something\n";
  text += "RELATION: c2 supports c1\nRELATION: c130 refutes c1\nCLAIM[c130]: again\n";
  auto const made = draft_of_text(text);
  CHECK(made.claims.size() == 100);
  CHECK(made.claims_beyond_limit == 30);
  CHECK(made.relations.size() == 1);
  CHECK(made.malformed == 1);  // c130 again
}

TEST_CASE("of many claims of one question those near one another are compared, in slices") {
  std::vector<std::string> lines;
  for (int i = 0; i < 200; ++i)
    lines.push_back("sentence " + std::to_string(i));
  corpus const texts{{{"1", "", lines}, {"2", "", lines}}};
  auto const questions = asked_of(texts);
  tests::table_scorer scorer;
  proposer_settings settings;
  settings.claims_per_document = 100;
  auto const drafts = extract_drafts(questions, scorer, index_of(texts), settings, {});
  REQUIRE(drafts.at(0).claims.size() == 201);
  // 200 * 199 / 2 = 19,900 pairs; 5000 / 200 = 25 apart at most: 25 * 200 - 25 * 26 / 2 = 4,675.
  CHECK(drafts[0].pairs_beyond_limit == 15'225);
  CHECK(scorer.asked() == 400 + 2 * 4675);  // 400 sentences
  CHECK(scorer.most_at_once() == 2048);
}

TEST_CASE("relating claims hears a stop before any pair is scored, and tells its progress") {
  std::vector<sno> snos;
  for (int i = 0; i < 200; ++i)
    snos.push_back({std::to_string(i), std::to_string(i), "x", "5", {}, 1.0, {}});
  tests::table_scorer scorer;
  std::stop_source stop;
  compute_hooks hooks{stop.get_token(), [&](double) { stop.request_stop(); }};
  CHECK_THROWS_AS(cross_relations(snos, scorer, {}, {}, hooks), compute_stopped);
  CHECK(scorer.asked() == 0);
  std::vector<double> told;
  cross_relations(snos, scorer, {}, {}, {{}, [&](double fraction) { told.push_back(fraction); }});
  CHECK(told.size() >= 4);
  CHECK(std::is_sorted(told.begin(), told.end()));
}
