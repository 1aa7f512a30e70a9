// The stages of a claim-verification experiment, one after the other as a cluster would run them.
#include <filesystem>
#include <fstream>

#include <doctest/doctest.h>

#include "stages/data_load.hpp"
#include "stages/proposer_metrics.hpp"
#include "stages/report.hpp"

using namespace nsai;
using namespace nsai::stages;
namespace fs = std::filesystem;

namespace {

struct folder {
  folder() {
    std::string name = fs::temp_directory_path() / "nsai-stages.XXXXXX";
    path = ::mkdtemp(name.data());
  }
  ~folder() { fs::remove_all(path); }
  fs::path path;
};

attempt_outcome run(std::unique_ptr<stage> const& s, json const& options, context const& ctx,
                    stage_env env = {}) {
  return run_stage(*s, json_text::of(options), json_text::of(write_json(ctx)), env);
}

context after(attempt_outcome const& outcome) {
  context ctx;
  REQUIRE(outcome.result == attempt_result::succeeded);
  read_json(outcome.context.value(), ctx);
  return ctx;
}

std::string text_of(fs::path const& file) {
  std::ifstream in{file};
  return {std::istreambuf_iterator<char>{in}, {}};
}

}  // namespace

TEST_CASE(
    "load, score and report on the sample: metrics in the context, four files in the artifacts") {
  folder where;
  stage_env env;
  env.artifacts = where.path / "artifacts";
  context ctx;
  ctx.experiment = {{"name", "Trial"}, {"dataset", "sample"}};
  auto scored =
      after(run(make_proposer_metrics(), nullptr, after(run(make_data_load(), nullptr, ctx))));
  CHECK(scored.metrics.at("data").at("counts").at("claims") == 40);
  CHECK(scored.metrics.at("proposer")
            .at("labels")
            .at("sentence_label")
            .at("precision")
            .get<double>() == doctest::Approx(38.0 / 52));
  auto const reported = after(run(make_report(), nullptr, scored, env));
  REQUIRE(reported.artifacts.size() == 4);
  CHECK(json::parse(text_of(where.path / "artifacts/report.json")).at("metrics") == scored.metrics);
  auto const markdown = text_of(where.path / "artifacts/report.md");
  CHECK(markdown.starts_with("# Trial\n"));
  CHECK(markdown.find("| sentence_label | 0.7308 | 0.7755 | 0.7525 |") != std::string::npos);
  CHECK(text_of(where.path / "artifacts/scores.svg").find("sentence_label") != std::string::npos);
}

TEST_CASE("texts of the sample are scored, lexically or by a program that is plugged in") {
  context ctx;
  ctx.experiment = {{"dataset", "sample"}};
  auto const loaded = after(run(make_data_load(), nullptr, ctx));
  auto const scored = [&](json const& options) {
    return after(run(make_proposer_metrics(), options, loaded)).metrics.at("proposer");
  };
  auto const lexical = scored(nullptr);
  CHECK(lexical.at("scorer") == "lexical");
  CHECK(lexical.at("entailment_score").get<double>() > 0.25);
  CHECK(lexical.at("entailment_score").get<double>() < 1);
  CHECK(lexical.at("similarity_score").get<double>() > 0.25);
  CHECK(lexical.at("similarity_score").get<double>() < 1);
  CHECK(scored({{"batch_size", 1}}) == lexical);
  auto const own =
      scored({{"scorer", "command"},
              {"scorer_command",
               {"sed", "-u",
                "s/.*\"id\":\\([0-9]*\\).*/"
                "{\"id\":\\1,\"entails\":0.5,\"contradicts\":0.25,\"similarity\":0.25}/"}}});
  CHECK(own.at("scorer") == "command");
  // Every pair has 0.5 and 0.25. Of 40 claims two are gated (17, 37) and one has an output without
  // a claim (23): 0; three cite nothing (38, 39, 40), which is no evidence. 0.5 · 34 / 40 and
  // 0.25 · 37 / 40, as computed by an independent program, too.
  CHECK(own.at("counts").at("scored_claims") == 40);
  CHECK(own.at("entailment_score").get<double>() == doctest::Approx(0.425));
  CHECK(own.at("similarity_score").get<double>() == doctest::Approx(0.23125));
  auto const dead =
      run(make_proposer_metrics(), {{"scorer", "command"}, {"scorer_command", {"false"}}}, loaded);
  REQUIRE(dead.error);
  CHECK(dead.error->code == "scorer_error");
  CHECK(dead.error->retryable);
}

TEST_CASE("relative paths are those of the experiment's folder; a limit of the experiment holds") {
  context ctx;
  ctx.experiment = {
      {"base_dir", NSAI_SOURCE_DIR "/examples/experiments"},
      {"dataset",
       {{"claims", "../data/claims.jsonl"}, {"corpus", "../data/corpus.jsonl"}, {"limit", 3}}}};
  auto const loaded = after(run(make_data_load(), nullptr, ctx));
  CHECK(loaded.metrics.at("data").at("counts").at("claims") == 3);
  CHECK(loaded.metrics.at("data").at("counts").at("documents") == 42);
  auto const by_option =
      after(run(make_data_load(), {{"claims", "../data/claims.jsonl"}, {"limit", 2}}, ctx));
  CHECK(by_option.metrics.at("data").at("counts").at("claims") == 2);
}

TEST_CASE(
    "a data set of the node's config is found by name; a misspelt one is told with the nearest") {
  stage_env env;
  env.datasets["mine"].claims = NSAI_SOURCE_DIR "/examples/data/claims.jsonl";
  CHECK(after(run(make_data_load(), {{"dataset", "mine"}}, {}, env))
            .inputs.at("dataset")
            .at("name") == "mine");
  auto const typo = run(make_data_load(), {{"dataset", "smaple"}}, {}, env);
  REQUIRE(typo.error);
  CHECK(typo.error->message.find("sample (did you mean that?)") != std::string::npos);
  CHECK(typo.error->retryable);
}

TEST_CASE(
    "no data set, a file that is not there and files without a claim are failures that say so") {
  CHECK(run(make_data_load(), nullptr, {})
            .error->message.starts_with("options.claims: nothing was given"));
  CHECK(run(make_data_load(), {{"claims", "/nowhere.jsonl"}}, {})
            .error->message.starts_with("dataset.claims: /nowhere.jsonl cannot be read"));
  CHECK(run(make_data_load(), {{"claims", NSAI_SOURCE_DIR "/LICENSE"}}, {}).error->code ==
        "no_claims");
  CHECK(run(make_report(), nullptr, {}).error->code == "no_metrics");
}
