#include "stages/proposer_metrics.hpp"

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

}  // namespace

TEST_CASE(
    "worked by hand: one of two outputs has a claim, two of three citations exist, one claim is "
    "gated") {
  auto const m = proposer_metrics(data_with_outputs(), proposer_metric_names(), {});
  CHECK(m.at("schema_compliance") == 0.5);
  CHECK(m.at("citation_accuracy").get<double>() == doctest::Approx(2.0 / 3));
  CHECK(m.at("counts").at("cited") == 3);
  CHECK(m.at("counts").at("gated") == 1);
  CHECK(m.at("overall_pass_rate") == 0.0);
  CHECK(proposer_metrics(data_with_outputs(), proposer_metric_names(), {0.5, 0.9, 0, 0})
            .at("overall_pass_rate") == 0.5);
}

TEST_CASE("what cannot be computed is null with the reason, never a number") {
  auto const m = proposer_metrics(dataset{}, proposer_metric_names(), {});
  for (auto const* name : {"schema_compliance", "citation_accuracy", "entailment_score",
                           "similarity_score", "labels", "overall_pass_rate"}) {
    CAPTURE(name);
    CHECK(m.at(name).is_null());
    CHECK_FALSE(m.at("notes").at(name).get<std::string>().empty());
  }
}

TEST_CASE("a metric that is not enabled is null and does not count for the pass rate") {
  auto const m = proposer_metrics(data_with_outputs(), {"schema_compliance"}, {0.5, 0.9, 0, 0});
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
  auto const m = proposer_metrics(data, proposer_metric_names(), {});
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
