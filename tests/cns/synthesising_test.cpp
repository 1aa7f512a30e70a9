#include "stages/cns/synthesising.hpp"

#include <doctest/doctest.h>

#include "tests/cns/table_scorer.hpp"

using namespace nsai;
using namespace nsai::stages;

namespace {

sno merged_sno(std::string id, std::string claim, std::string source, double confidence) {
  auto content = claim;
  return {std::move(id), "q", std::move(claim), "", {{std::move(source), content, 0.9}},
          confidence,    {}};
}

/// A triangle of which one claim refutes, and a claim on a bridge.
narrative triangle() {
  narrative on;
  on.snos = {merged_sno("a", "Grouped commits raise the write rate.", "1:0", 0.9),
             merged_sno("b", "Batches of writes share one flush.", "1:1", 0.8),
             merged_sno("c", "Latency of single commits was unchanged.", "2:0", 0.7),
             merged_sno("d", "Disks are round.", "3:0", 0.5)};
  on.relations = {{"b", relation_kind::supports, "a"},
                  {"c", relation_kind::refutes, "a"},
                  {"b", relation_kind::supports, "c"},
                  {"d", relation_kind::supports, "a"}};
  return on;
}

}  // namespace

TEST_CASE("wordings, worked by hand") {
  auto const ways = wordings_of(triangle(), {0, 1, 2});
  REQUIRE(ways.size() == 2);
  CHECK(ways[0].text ==
        "Grouped commits raise the write rate, although latency of single commits was unchanged.");
  CHECK(ways[1].text ==
        "Grouped commits raise the write rate, given that batches of writes share one flush, "
        "although latency of single commits was unchanged.");
  CHECK(ways[1].parts.size() == 3);
  auto const alone = wordings_of(triangle(), {0, 1});
  REQUIRE(alone.size() == 2);
  CHECK(alone[1].text == "Grouped commits raise the write rate.");
  CHECK(wordings_of(triangle(), {}).empty());
}

TEST_CASE("an acronym keeps its capital in the middle of a sentence") {
  narrative on;
  on.snos = {merged_sno("a", "It rains.", "1:0", 0.9), merged_sno("b", "DNA bends.", "1:1", 0.1)};
  on.relations = {{"b", relation_kind::refutes, "a"}};
  CHECK(wordings_of(on, {0, 1}).at(0).text == "It rains, although DNA bends.");
}

TEST_CASE("evidence is united: each source once, with its largest validity") {
  auto on = triangle();
  on.snos[1].evidence.push_back({"1:0", "", 0.95});
  auto const all = united_evidence(on, {0, 1});
  REQUIRE(all.size() == 2);
  CHECK(all[0].source == "1:0");
  CHECK(all[0].validity.value == 0.95);
}

TEST_CASE("reduction of beta1: (4 - 3) / 4, and 0 where there was none") {
  CHECK(beta1_reduction(4, 3) == 0.25);
  CHECK(beta1_reduction(0, 0) == 0);
  CHECK(beta1_reduction(2, 0) == 1);
}

TEST_CASE("a triangle becomes one accepted claim; the bridge stays") {
  auto const on = triangle();
  auto scorer = make_lexical_scorer({});
  auto const made = synthesise(on, *scorer, {}, {}, nullptr, {});
  REQUIRE(made.syntheses.size() == 1);
  auto const& s = made.syntheses[0];
  // The opposed pair is enough: of equal gains the step with the fewest claims.
  CHECK(s.parents == std::vector<std::string>{"a", "c"});
  CHECK(s.beta1_before == 1);
  CHECK(s.beta1_after == 0);
  CHECK(s.status == synthesis_status::auto_accepted);
  CHECK(s.iterations == 1);
  CHECK(s.trust.value == doctest::Approx(trust_of(s.critics)));
  CHECK(made.after.snos.size() == 3);
  REQUIRE(made.after.relations.size() == 2);  // b supports both: once
  for (auto const& each : made.after.relations)
    CHECK(each.to == "s1");
  CHECK(graph_of(made.after).beta1() == 0);
}

TEST_CASE("a contradiction without a loop cannot be accepted by itself, and says why") {
  auto on = triangle();
  on.relations = {{"c", relation_kind::refutes, "a"}};
  auto scorer = make_lexical_scorer({});
  auto const made = synthesise(on, *scorer, {}, {}, nullptr, {});
  REQUIRE(made.syntheses.size() == 1);
  CHECK(made.syntheses[0].status == synthesis_status::needs_review);
  CHECK_FALSE(made.syntheses[0].reason.empty());
  CHECK(made.after.snos.size() == 3);
}

TEST_CASE("a model that gives no text, or trust too low: failed, and the graph is as it was") {
  auto const on = triangle();
  tests::table_scorer scorer;
  auto const silent = [](std::vector<text_request> const& asked) {
    return std::vector<std::string>(asked.size());
  };
  auto const none = synthesise(on, scorer, {}, {}, silent, {});
  CHECK(none.syntheses.at(0).status == synthesis_status::failed);
  CHECK(none.syntheses.at(0).parents.empty());
  CHECK(graph_of(none.after).beta1() == 1);
  auto const low = synthesise(on, scorer, {}, {.least_trust = 1.0}, nullptr, {});
  CHECK(low.syntheses.at(0).status == synthesis_status::failed);
  CHECK(low.after.snos.size() == 4);
}

TEST_CASE("the cap bounds the rounds, and a stop ends them") {
  auto const on = triangle();
  auto scorer = make_lexical_scorer({});
  auto const once =
      synthesise(on, *scorer, {}, {.max_iterations = 1, .trust_target = 1.0}, nullptr, {});
  CHECK(once.syntheses.at(0).iterations == 1);
  CHECK(once.syntheses.at(0).status == synthesis_status::needs_review);
  std::stop_source stop;
  stop.request_stop();
  CHECK(synthesise(on, *scorer, {}, {}, nullptr, {stop.get_token(), nullptr}).stopped);
}
