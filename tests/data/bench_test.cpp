#include "stages/data/bench.hpp"

#include <chrono>

#include <doctest/doctest.h>

#include "stages/data/result_set.hpp"
#include "tests/data/run.hpp"
#include "tests/support/skip.hpp"

using namespace nsai;
using namespace nsai::stages;
using tests::after;
using tests::run;

namespace {

dataset four_claims() {
  dataset data;
  data.claims = {{"1", "a", {{"5", {{{0}, verdict::support}}}}, {}},
                 {"2", "b", {{"5", {{{0}, verdict::contradict}}}}, {}},
                 {"3", "c", {}, {}},
                 {"4", "d", {{"6", {}}}, {}}};
  data.predictions = {{"1", {{"5", {verdict::support, {0}}}}},
                      {"2", {{"5", {verdict::support, {0}}}}},
                      {"3", {{"5", {verdict::nei, {}}}}}};
  return data;
}

}  // namespace

TEST_CASE("worked by hand: verdicts of four claims, three of which are right") {
  // gold SUPPORT CONTRADICT NEI NEI; predicted SUPPORT SUPPORT NEI NEI (none). F1: SUPPORT
  // 2·1/(1+2) = 2/3, CONTRADICT 0, NEI 1; mean 5/9.
  auto const done =
      run("bench", {{"metrics", {"accuracy", "f1"}}}, tests::with_dataset(four_claims()));
  REQUIRE(done.result == attempt_result::succeeded);
  auto const told = done.value.value();
  CHECK(told.at("n") == 4);
  CHECK(told.at("accuracy").at("value") == 0.75);
  CHECK(told.at("f1").at("value").get<double>() == doctest::Approx(5.0 / 9));
  CHECK(told.at("accuracy").at("low").get<double>() < 0.75);
  CHECK(told.at("accuracy").at("high") == 1.0);
  CHECK_FALSE(told.contains("mean"));
  CHECK(after(done).metrics.at("bench") == told);
}

TEST_CASE("the predicted verdict is that of most documents, of a tie that of the first") {
  dataset data;
  data.claims = {{"1", "a", {}, {}}, {"2", "b", {}, {}}};
  data.predictions = {{"1",
                       {{"5", {verdict::support, {}}},
                        {"6", {verdict::contradict, {}}},
                        {"7", {verdict::contradict, {}}}}},
                      {"2", {{"5", {verdict::support, {}}}, {"6", {verdict::contradict, {}}}}}};
  auto const results = verdict_results(data);
  CHECK(results[0].predicted == "CONTRADICT");
  CHECK(results[1].predicted == "SUPPORT");
}

TEST_CASE("numbers of the context are measured; labels that they lack are null with the reason") {
  context ctx;
  ctx.outputs["scores"] = {1, 2, {{"value", 6}}};
  auto const told = run("bench", {{"of", "outputs.scores"}}, ctx).value.value();
  CHECK(told.at("mean").at("value") == 3.0);
  CHECK(told.at("standard_deviation").get<double>() == doctest::Approx(2.6457513111));  // sqrt(7)
  CHECK(told.at("f1").is_null());
  CHECK(told.at("notes").at("f1") == "the results have no gold and predicted labels");
}

TEST_CASE("worked by hand: a paired comparison by id, in the context and with a file") {
  tests::folder where;
  context ctx;
  ctx.experiment["base_dir"] = where.path.string();
  ctx.outputs["a"] = {
      {{"id", 1}, {"value", 3}}, {{"id", 2}, {"value", 5}}, {{"id", 9}, {"value", 1}}};
  ctx.outputs["b"] = {{{"id", 2}, {"value", 3}}, {{"id", 1}, {"value", 2}}};
  // Differences of 1 and 2: 1 and 2; mean 1.5; of the four ways to flip two are as far: p = 1/2.
  auto const paired =
      run("bench", {{"of", "outputs.a"}, {"against", "outputs.b"}}, ctx).value.value().at("paired");
  CHECK(paired.at("n") == 2);
  CHECK(paired.at("difference") == 1.5);
  CHECK(paired.at("p") == 0.5);
  CHECK(paired.at("low") == 1.0);
  CHECK(paired.at("high") == 2.0);
  std::ofstream{where.path / "b.json"} << ctx.outputs["b"].dump();
  CHECK(
      run("bench", {{"of", "outputs.a"}, {"against", "b.json"}}, ctx).value.value().at("paired") ==
      paired);
}

TEST_CASE("the results set is an artifact that a later bench is compared with") {
  tests::folder where;
  stage_env env;
  env.artifacts = where.path;
  auto const done = run("bench", {{"resamples", 200}}, tests::with_dataset(four_claims()), env);
  auto const ctx = after(done);
  REQUIRE(ctx.artifacts.size() == 1);
  auto const file = ctx.artifacts.at(0).at("path").get<std::string>();
  auto better = four_claims();
  better.predictions[1].evidence.at("5").label = verdict::contradict;
  auto const paired =
      run("bench", {{"against", file}}, tests::with_dataset(better)).value.value().at("paired");
  CHECK(paired.at("difference") == 0.25);
}

TEST_CASE("equal runs are equal to the byte; what cannot be read is told by field") {
  auto const ctx = tests::with_dataset(four_claims());
  CHECK(run("bench", {{"seed", 5}}, ctx).value.text == run("bench", {{"seed", 5}}, ctx).value.text);
  auto const fault = [&](json const& options) {
    auto const done = run("bench", options, ctx);
    REQUIRE(done.error);
    return done.error->message;
  };
  CHECK(fault({{"metrics", {"f2"}}}).starts_with("options.metrics: \"f2\" is not allowed"));
  CHECK(fault({{"of", "outputs.none"}}).starts_with("options.of: the context has nothing at"));
  CHECK(fault({{"against", "none.json"}}).starts_with("options.against: "));
  CHECK(fault({{"of", "inputs.dataset.claims"}}).starts_with("inputs.dataset.claims[0]: "));
  CHECK(run("bench", nullptr, {}).error->code == "no_dataset");
}

TEST_CASE("on the sample after the proposer's metrics: bench has accuracy and F1 with intervals") {
  auto const scored = after(run("proposer_metrics", nullptr, tests::sample()));
  auto const told = run("bench", {{"metrics", {"accuracy", "f1"}}}, scored).value.value();
  CHECK(told.at("n") == 40);
  for (auto const* name : {"accuracy", "f1"}) {
    CHECK(told.at(name).at("low") <= told.at(name).at("value"));
    CHECK(told.at(name).at("value") <= told.at(name).at("high"));
  }
}

TEST_CASE("on SciFact's dev claims: scores of texts, checks and intervals of a published model") {
  std::filesystem::path const folder{NSAI_SOURCE_DIR "/../shared/data/scifact"};
  if (!std::filesystem::exists(folder)) {
    tests::skip("the SciFact data is not beside the checkout");
    return;
  }
  tests::did_run();
  auto const loaded = after(run("data_load",
                                {{"claims", (folder / "claims_dev.jsonl").string()},
                                 {"corpus", (folder / "corpus.jsonl").string()},
                                 {"predictions", (folder / "predictions_dev.jsonl").string()}},
                                {}));
  auto const scored = after(run("proposer_metrics", nullptr, loaded));
  auto const& proposer = scored.metrics.at("proposer");
  CHECK(proposer.at("entailment_score").get<double>() > 0);
  CHECK(proposer.at("entailment_score").get<double>() < 1);
  CHECK(proposer.at("counts").at("scored_claims") == 198);
  auto const told = run("bench", {{"metrics", {"accuracy", "f1"}}}, scored).value.value();
  CHECK(told.at("n") == 300);
  // As computed by an independent program.
  CHECK(told.at("accuracy").at("value").get<double>() == doctest::Approx(0.69));
  CHECK(told.at("f1").at("value").get<double>() == doctest::Approx(0.6150454483787817));
  auto const checked =
      run("data_checks",
          {{"against", (folder / "claims_train.jsonl").string()}, {"fail_on", "none"}}, loaded);
  REQUIRE(checked.result == attempt_result::succeeded);
  CHECK(checked.value.value().at("labels") ==
        json{{"SUPPORT", 124}, {"CONTRADICT", 64}, {"NEI", 112}});
  CHECK(checked.value.value().at("errors") == 2);  // sentences out of range, and two shared texts
}

TEST_CASE("a bench that is stopped in the middle of a resampling ends at once, with no file left") {
  tests::folder where;
  stage_env env;
  env.artifacts = where.path;
  std::stop_source source;
  env.stop = source.get_token();
  context ctx;
  ctx.outputs["scores"] = std::vector<int>(20'000, 1);
  env.progress = [&](double, std::string const& doing) {
    if (doing == "measuring mean")  // the first that can be
      source.request_stop();
  };
  // Two times ten thousand million draws would take minutes.
  auto const begin = std::chrono::steady_clock::now();
  auto const done = run("bench", {{"of", "outputs.scores"}, {"resamples", 1'000'000}}, ctx, env);
  CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds{20});
  CHECK(done.result == attempt_result::canceled);
  CHECK(std::filesystem::is_empty(where.path));
}

TEST_CASE("stages that read files or compute on texts of tenants run in a process of their own") {
  auto const all = built_in_stages();
  for (auto const* name : {"data_load", "data_checks", "guardrails", "bench", "labeling_queue"}) {
    CAPTURE(name);
    CHECK(all.find(name)->describe().backend == "stage_host");
  }
}
