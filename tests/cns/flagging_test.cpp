#include "stages/cns/flagging.hpp"

#include <doctest/doctest.h>

#include "tests/cns/table_scorer.hpp"

using namespace nsai;
using namespace nsai::stages;

namespace {

sno challenged(std::string id, std::string claim, std::vector<sno_evidence> evidence) {
  return {std::move(id), "q", std::move(claim), "", std::move(evidence), 0.5, {}};
}

narrative five_claims() {
  narrative on;
  on.snos = {challenged("a", "alpha one", {{"1:0", "", 0.9}, {"1:1", "", 0.9}}),
             challenged("b", "beta two", {{"2:0", "", 0.2}}), challenged("c", "gamma three", {}),
             challenged("d", "delta four", {{"99:0", "", 0.9}, {"1:0", "", 0.9}}),
             challenged("e", "epsilon five", {{"1:2", "", 0.9}, {"1:3", "", 0.9}})};
  on.relations = {{"a", relation_kind::supports, "c"},
                  {"b", relation_kind::refutes, "c"},
                  {"c", relation_kind::supports, "a"}};
  return on;
}

flagged flags_of(narrative const& on, tests::table_scorer& scorer) {
  chirality_measure const measure{on.snos, embed_claims(on.snos, cpu_compute(), {})};
  return find_flags(on, {"1", "2"}, scorer, {}, measure, {}, {});
}

claim_flag const* flag_with(flagged const& found, flag_kind kind, std::string const& first) {
  for (auto const& each : found.flags)
    if (each.kind == kind && each.claims.front() == first)
      return &each;
  return nullptr;
}

}  // namespace

TEST_CASE("flags worked by hand: each kind with its severity and score") {
  auto const on = five_claims();
  tests::table_scorer scorer;
  scorer.contradicts("beta two", "gamma three", 0.6);   // a relation says so; c has a conflict
  scorer.contradicts("delta four", "alpha one", 0.65);  // new
  scorer.contradicts("epsilon five", "alpha one", 0.85);
  auto const found = flags_of(on, scorer);

  auto const* said = flag_with(found, flag_kind::contradiction, "b");
  REQUIRE(said != nullptr);
  CHECK(said->severity == flag_severity::high);
  CHECK(said->score.value == doctest::Approx(0.6));
  CHECK(said->chirality.has_value());
  REQUIRE(found.found.size() == 2);
  CHECK(found.found[0].to == "d");
  CHECK(found.found[1].to == "e");
  CHECK(found.flags[0].severity == flag_severity::medium);
  CHECK(found.flags[1].severity == flag_severity::high);
  CHECK(found.compared_pairs == 10);  // all pairs of one question

  auto const* polarity = flag_with(found, flag_kind::polarity_conflict, "c");
  REQUIRE(polarity != nullptr);
  CHECK(polarity->score == 1);  // one for it, one against
  CHECK(polarity->severity == flag_severity::high);
  auto const* cycle = flag_with(found, flag_kind::cycle, "a");
  REQUIRE(cycle != nullptr);
  CHECK(cycle->severity == flag_severity::medium);
  CHECK(cycle->claims == std::vector<std::string>{"a", "c"});
  auto const* none = flag_with(found, flag_kind::no_evidence, "c");
  REQUIRE(none != nullptr);
  CHECK(none->severity == flag_severity::medium);
  auto const* weak = flag_with(found, flag_kind::weak_evidence, "b");
  REQUIRE(weak != nullptr);
  CHECK(weak->score.value == doctest::Approx(0.8));
  CHECK(weak->severity == flag_severity::medium);
  CHECK(flag_with(found, flag_kind::single_source, "b") != nullptr);
  auto const* uncited = flag_with(found, flag_kind::uncited, "d");
  REQUIRE(uncited != nullptr);
  CHECK(uncited->score == 0.5);
  for (auto const* clean : {"e"})
    for (auto const kind : {flag_kind::no_evidence, flag_kind::weak_evidence, flag_kind::uncited})
      CHECK(flag_with(found, kind, clean) == nullptr);
}

TEST_CASE("the threshold counts from itself on; a relation alone is of low severity") {
  narrative on;
  on.snos = {challenged("a", "alpha", {}), challenged("b", "beta", {})};
  tests::table_scorer scorer;
  scorer.contradicts("alpha", "beta", 0.49);
  CHECK(flag_with(flags_of(on, scorer), flag_kind::contradiction, "a") == nullptr);
  scorer.contradicts("alpha", "beta", 0.5);
  CHECK(flag_with(flags_of(on, scorer), flag_kind::contradiction, "a") != nullptr);
  scorer.contradicts("alpha", "beta", 0.1);
  on.relations = {{"b", relation_kind::refutes, "a"}};
  auto const found = flags_of(on, scorer);
  REQUIRE(flag_with(found, flag_kind::contradiction, "a") != nullptr);
  CHECK(flag_with(found, flag_kind::contradiction, "a")->severity == flag_severity::low);
  CHECK(found.found.empty());
}

TEST_CASE("of a question with many claims the pairs near one another are compared, in slices") {
  narrative on;
  for (int i = 0; i < 150; ++i)
    on.snos.push_back(challenged(std::to_string(i), "claim " + std::to_string(i), {}));
  tests::table_scorer scorer;
  auto const found = flags_of(on, scorer);
  // 150 * 149 / 2 = 11,175 pairs; 5000 / 150 = 33 apart at most: 33 * 150 - 33 * 34 / 2 = 4,389.
  CHECK(found.compared_pairs == 4389);
  CHECK(found.pairs_beyond_limit == 6786);
  CHECK(scorer.asked() == 2 * 4389);
  CHECK(scorer.most_at_once() == 2048);
}

TEST_CASE("a stop between two claims ends the comparison before any pair is scored") {
  narrative on;
  for (int i = 0; i < 200; ++i)
    on.snos.push_back(challenged(std::to_string(i), "claim " + std::to_string(i), {}));
  chirality_measure const measure{on.snos, embed_claims(on.snos, cpu_compute(), {})};
  tests::table_scorer scorer;
  std::stop_source stop;
  compute_hooks const hooks{stop.get_token(), [&](double) { stop.request_stop(); }};
  CHECK_THROWS_AS(find_flags(on, {}, scorer, {}, measure, {}, hooks), compute_stopped);
  CHECK(scorer.asked() == 0);
}
