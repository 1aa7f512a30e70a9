#include <algorithm>
#include <random>

#include <doctest/doctest.h>

#include "stages/cns/antagonist_metrics.hpp"
#include "stages/cns/synthesizer_metrics.hpp"

using namespace nsai;
using namespace nsai::stages;

namespace {

dataset labelled_claims() {
  dataset data;
  data.claims = {{"1", "one", {{"5", {{{0}, verdict::contradict}}}}, {}},
                 {"2", "two", {{"6", {{{0}, verdict::contradict}}}}, {}},
                 {"3", "three", {{"5", {{{1}, verdict::support}}}}, {}}};
  data.documents = {"5"};
  return data;
}

json antagonist_of(context const& ctx, dataset const& data) {
  return antagonist_metrics(ctx, data, cpu_compute(), {}, {});
}

}  // namespace

TEST_CASE("antagonist, worked by hand: two claims flagged, one rightly, of two relevant") {
  auto const data = labelled_claims();
  context ctx;
  std::vector<sno> const snos{{"1.c1", "1", "one", "", {}, 0.5, {}},
                              {"1.c2", "1", "not one", "5", {}, 0.5, {}},
                              {"2.c1", "2", "two", "", {}, 0.5, {}},
                              {"3.c1", "3", "other", "", {}, 0.5, {}},
                              {"3.c2", "3", "three", "", {}, 0.5, {}}};
  std::vector<claim_flag> const flags{
      {"f1", flag_kind::contradiction, flag_severity::high, {"1.c1", "1.c2"}, "", 0.9, share{0.8}},
      {"f2", flag_kind::contradiction, flag_severity::low, {"1.c2", "3.c2"}, "", 0.1, share{0.4}},
      {"f3", flag_kind::contradiction, flag_severity::low, {"1.c2", "3.c1"}, "", 0.1, share{0.3}},
      {"f4", flag_kind::no_evidence, flag_severity::low, {"2.c1"}, "", 1.0, std::nullopt}};
  ctx.outputs["snos"] = write_json(snos);
  ctx.outputs["relations"] =
      write_json(std::vector<claim_relation>{{"1.c2", relation_kind::refutes, "1.c1"},
                                             {"1.c2", relation_kind::contradicts, "3.c2"},
                                             {"1.c1", relation_kind::contradicts, "3.c2"}});
  ctx.outputs["flags"] = write_json(flags);
  auto const m = antagonist_of(ctx, data);
  CHECK(m.at("precision") == 0.5);  // 1 rightly and 3 wrongly
  CHECK(m.at("recall") == 0.5);     // of 1 and 2
  CHECK(m.at("f1") == 0.5);
  CHECK(m.at("recall_in_corpus") == 1.0);  // document 6 is not there
  CHECK(m.at("beta1") == 1);
  CHECK(m.at("mean_beta1") == 0.0);  // the loop goes over two questions
  CHECK(m.at("mean_chirality").get<double>() == doctest::Approx(0.5));
  CHECK(m.at("flags") == json{{"high", 1}, {"medium", 0}, {"low", 3}, {"total", 4}});
  CHECK(m.at("vietoris_rips").at("points") == 5);
  CHECK(m.at("notes").empty());
}

TEST_CASE(
    "antagonist, properties: shares lie in [0, 1], counts add up, and no order means anything") {
  std::mt19937_64 random{3};
  std::vector<std::string> const words{"stones", "fall", "not", "mice", "cheese"};
  auto const data = labelled_claims();
  for (int round = 0; round < 40; ++round) {
    std::vector<sno> snos;
    for (auto const& claim : data.claims) {
      snos.push_back({claim.id + ".c1", claim.id, claim.claim, "", {}, 0.5, {}});  // it states it
      for (auto const* part : {".c2", ".c3"})
        snos.push_back({claim.id + part,
                        claim.id,
                        words[random() % words.size()] + " " + words[random() % words.size()],
                        "",
                        {},
                        0.5,
                        {}});
    }
    auto const any = [&] { return snos[random() % snos.size()].id; };
    std::vector<claim_relation> relations;
    std::vector<claim_flag> flags;
    for (int i = 0; i < 8; ++i) {
      relations.push_back({any(), static_cast<relation_kind>(random() % 3), any()});
      flags.push_back({"f" + std::to_string(i),
                       flag_kind::contradiction,
                       static_cast<flag_severity>(random() % 3),
                       {any(), any()},
                       "",
                       0.5,
                       share{static_cast<double>(random() % 101) / 100}});
    }
    auto const measured = [&] {
      context ctx;
      ctx.outputs["snos"] = write_json(snos);
      ctx.outputs["relations"] = write_json(relations);
      ctx.outputs["flags"] = write_json(flags);
      return antagonist_of(ctx, data);
    };
    auto const m = measured();
    std::shuffle(snos.begin(), snos.end(), random);
    std::shuffle(relations.begin(), relations.end(), random);
    std::shuffle(flags.begin(), flags.end(), random);
    auto const again = measured();
    for (auto const* name : {"precision", "recall", "f1", "mean_chirality"}) {
      CAPTURE(name);
      CHECK(m.at(name) >= 0);
      CHECK(m.at(name) <= 1);
      CHECK(again.at(name).get<double>() == doctest::Approx(m.at(name).get<double>()));
    }
    CHECK(m.at("flags").at("total") == 8);
    for (auto const* name : {"flags", "beta1", "mean_beta1", "directed_cycles"})
      CHECK(again.at(name) == m.at(name));
  }
}

TEST_CASE(
    "without an antagonist the relations of the proposer's texts are measured, and it is told") {
  auto data = labelled_claims();
  data.outputs = {{"1",
                   "CLAIM[c1] (Document 5): not one\nCLAIM[c2]: one\nCLAIM[c3]: three\n"
                   "RELATION: c1 refutes c2\nRELATION: c3 supports c2\nRELATION: c3 supports c1"}};
  auto const m = antagonist_of({}, data);
  CHECK(m.at("precision") == 1.0);
  CHECK(m.at("recall") == 0.5);
  CHECK(m.at("mean_beta1") == 1.0);
  CHECK(m.at("polarity_conflicts") == 1);
  CHECK(m.at("flags").is_null());
  for (auto const* name : {"precision", "flags", "mean_chirality"})
    CHECK(m.at("notes").contains(name));
  auto const s = synthesizer_metrics({}, data, {});
  CHECK(s.at("beta1_before") == 1);
  for (auto const* name :
       {"beta1_after", "beta1_reduction", "critics", "trust", "iterations", "auto_accepted"}) {
    CHECK(s.at(name).is_null());
    CHECK(s.at("notes").contains(name));
  }
}

TEST_CASE("with nothing proposed all is null, each with a reason") {
  auto const m = antagonist_of({}, labelled_claims());
  for (auto const* name : {"precision", "recall", "f1", "mean_beta1", "beta1", "mean_chirality",
                           "flags", "vietoris_rips", "directed_cycles"}) {
    CAPTURE(name);
    CHECK(m.at(name).is_null());
    CHECK_FALSE(m.at("notes").at(name).get<std::string>().empty());
  }
  CHECK(synthesizer_metrics({}, labelled_claims(), {}).at("beta1_before").is_null());
}

TEST_CASE("synthesizer, worked by hand: one of two loops goes; what failed changes nothing") {
  context ctx;
  std::vector<sno> snos;
  std::vector<claim_relation> relations;
  for (std::string const q : {"1", "2"}) {
    for (auto const* c : {".a", ".b", ".c"})
      snos.push_back({q + c, q, q + c, "", {}, 0.5, {}});
    relations.push_back({q + ".a", relation_kind::supports, q + ".b"});
    relations.push_back({q + ".b", relation_kind::supports, q + ".c"});
    relations.push_back({q + ".a", relation_kind::supports, q + ".c"});
  }
  synthesis good{"s1", "x", {"1.a", "1.b", "1.c"}, {}, 1,
                 0,    0.8, {0.8, 0.8, 0.8, 0.8},  1,  synthesis_status::auto_accepted,
                 ""};
  synthesis bad{"s2",
                "y",
                {"2.a", "2.b", "2.c"},
                {},
                1,
                0,
                0.2,
                {0.2, 0.2, 0.2, 0.2},
                4,
                synthesis_status::failed,
                "trust is too low"};
  ctx.outputs["snos"] = write_json(snos);
  ctx.outputs["relations"] = write_json(relations);
  ctx.outputs["syntheses"] = write_json(std::vector<synthesis>{good, bad});
  auto const m = synthesizer_metrics(ctx, {}, {});
  CHECK(m.at("beta1_before") == 2);
  CHECK(m.at("beta1_after") == 1);
  CHECK(m.at("beta1_reduction") == 0.5);
  CHECK(m.at("mean_cluster_reduction") == 0.5);
  CHECK(m.at("trust").get<double>() == doctest::Approx(0.5));
  CHECK(m.at("iterations") == json{{"mean", 2.5}, {"max", 4}});
  CHECK(m.at("auto_accepted") == 1);
  CHECK(m.at("failed") == 1);
  CHECK(m.at("counts").at("merged_claims") == 3);
}

TEST_CASE("a share out of bounds and an id that comes twice are told with their field") {
  context ctx;
  ctx.outputs["snos"] = json::array({{{"id", "a"}, {"confidence", 1.5}}});
  CHECK_THROWS_WITH_AS(antagonist_of(ctx, {}),
                       "outputs.snos[0].confidence: the number 1.5 is not allowed; expected a "
                       "number from 0 to 1",
                       shape_error);
  ctx.outputs["snos"] = json::array({{{"id", "a"}}, {{"id", "a"}}});
  CHECK_THROWS_AS(antagonist_of(ctx, {}), shape_error);
}
