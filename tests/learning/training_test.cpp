// The stages training and evaluate as jobs run them, on the sample data set.
#include "stages/learning/training.hpp"

#include <algorithm>
#include <fstream>

#include <doctest/doctest.h>

#include "stages/data_load.hpp"
#include "stages/label_scores.hpp"
#include "stages/learning/evaluation.hpp"
#include "stages/learning/fit.hpp"
#include "stages/learning/network_file.hpp"
#include "stages/scifact.hpp"
#include "tests/learning/work_folder.hpp"

using namespace nsai;
using namespace nsai::stages;
namespace fs = std::filesystem;

namespace {

json const quick{{"dataset", "sample"}, {"epochs", 6}, {"seeds", 2}, {"resamples", 100}};

attempt_outcome run_learning(std::unique_ptr<stage> const& s, json options, stage_env& env,
                             context const& ctx = {}) {
  auto const fault = check_options(s->describe(), options);
  REQUIRE_MESSAGE(!fault, (fault ? fault->message : ""));
  return run_stage(*s, json_text::of(options), json_text::of(write_json(ctx)), env);
}

context context_of(attempt_outcome const& told) {
  REQUIRE_MESSAGE(told.result == attempt_result::succeeded,
                  (told.error ? told.error->message : ""));
  context ctx;
  read_json(told.context.value(), ctx);
  return ctx;
}

json with(json options, json const& more) {
  options.update(more);
  return options;
}

/// What a stage tells of its progress.
std::vector<double> fractions_of(std::unique_ptr<stage> const& s, json const& options,
                                 context const& ctx, fs::path const& folder) {
  std::vector<double> all;
  stage_env env;
  env.artifacts = folder;
  env.progress = [&](double fraction, std::string const&) { all.push_back(fraction); };
  REQUIRE(run_learning(s, options, env, ctx).result == attempt_result::succeeded);
  return all;
}

/// A training that is asked to stop when its progress first says `at`.
attempt_outcome stopped_at(std::string const& at, json const& options, fs::path const& folder) {
  std::stop_source stop;
  stage_env env;
  env.artifacts = folder;
  env.stop = stop.get_token();
  env.progress = [&](double fraction, std::string const& text) {
    CHECK((fraction >= 0 && fraction <= 1));
    if (text.starts_with(at))
      stop.request_stop();
  };
  return run_learning(make_training(), options, env);
}

struct resumed_training {
  attempt_outcome told;
  std::vector<std::string> log;
};

resumed_training go_on(json const& options, fs::path const& folder) {
  resumed_training all;
  stage_env env;
  env.artifacts = folder;
  env.attempt = 2;
  env.log = [&](std::string const& line) { all.log.push_back(line); };
  all.told = run_learning(make_training(), options, env);
  return all;
}

bool says(std::vector<std::string> const& log, std::string const& what) {
  return std::any_of(log.begin(), log.end(),
                     [&](auto const& line) { return line.find(what) != std::string::npos; });
}

}  // namespace

TEST_CASE(
    "training on the sample: metrics, a model and a figure; the device is in the result only") {
  tests::work_folder where;
  stage_env env;
  env.artifacts = where.path / "a";
  auto const told = run_learning(make_training(), quick, env);
  auto const ctx = context_of(told);
  auto const& metrics = ctx.metrics.at("training");
  CHECK(metrics.at("loss_curve").size() == 6);
  CHECK(metrics.at("loss_curve").at(5).at("train_loss") <
        metrics.at("loss_curve").at(0).at("train_loss"));
  CHECK(metrics.at("runs").size() == 2);
  CHECK(metrics.at("model_type") == "proposer");
  CHECK(metrics.at("dev") == "split by document");
  CHECK(metrics.at("per_class").size() == 3);
  CHECK(metrics.at("baselines").at("nearest_centroid").contains("margin"));
  CHECK(metrics.at("counts").at("train").at("missing_documents") == 2);
  CHECK_FALSE(metrics.contains("device"));
  CHECK(told.value.value().at("device").at("kind") == "cpu");
  auto const mean = (metrics.at("runs").at(0).at("accuracy").get<double>() +
                     metrics.at("runs").at(1).at("accuracy").get<double>()) /
                    2;
  CHECK(metrics.at("dev_accuracy").get<double>() == doctest::Approx(mean));
  REQUIRE(ctx.artifacts.size() == 2);
  CHECK(ctx.artifacts.at(0).at("kind") == "model");
  CHECK(fs::exists(where.path / "a/model.nsai"));
  CHECK(tests::bytes_in(where.path / "a/loss.svg").find("<svg") != std::string::npos);
  CHECK_FALSE(fs::exists(where.path / "a/checkpoint.nsai"));
}

TEST_CASE("equal options give equal bytes, another seed others") {
  tests::work_folder where;
  stage_env a, b, c;
  a.artifacts = where.path / "a";
  b.artifacts = where.path / "b";
  c.artifacts = where.path / "c";
  auto const first = context_of(run_learning(make_training(), quick, a));
  auto const second = context_of(run_learning(make_training(), quick, b));
  CHECK(first.metrics.dump() == second.metrics.dump());
  CHECK(tests::bytes_in(a.artifacts / "model.nsai") == tests::bytes_in(b.artifacts / "model.nsai"));
  context_of(run_learning(make_training(), with(quick, {{"seed", 9}}), c));
  CHECK(tests::bytes_in(a.artifacts / "model.nsai") != tests::bytes_in(c.artifacts / "model.nsai"));
}

TEST_CASE("a training that was stopped goes on from its checkpoint and ends with the same bytes") {
  tests::work_folder where;
  stage_env env;
  env.artifacts = where.path / "whole";
  auto const whole = context_of(run_learning(make_training(), quick, env));
  struct stop {
    char const* at;
    int epochs;  // done before it
  };
  for (auto const& each :
       {stop{"seed 1 of 2, epoch 1 of", 0}, stop{"seed 1 of 2, epoch 4 of", 3},
        stop{"seed 2 of 2, epoch 1 of", 6}, stop{"seed 2 of 2, epoch 3 of", 8}}) {
    auto const at = each.at;
    auto const epochs = each.epochs;
    CAPTURE(at);
    auto const folder = where.path / ("at" + std::to_string(epochs));
    CHECK(stopped_at(at, quick, folder).result == attempt_result::canceled);
    CHECK(fs::exists(folder / "checkpoint.nsai") == (epochs > 0));
    auto const resumed = go_on(quick, folder);
    auto const ctx = context_of(resumed.told);
    CHECK(ctx.metrics.dump() == whole.metrics.dump());
    CHECK(tests::bytes_in(folder / "model.nsai") ==
          tests::bytes_in(where.path / "whole/model.nsai"));
    CHECK(resumed.told.value.value().at("resumed_epochs") == epochs);
    CHECK(says(resumed.log, "goes on from the checkpoint") == (epochs > 0));
  }
}

TEST_CASE(
    "a checkpoint that is broken, of other options or without its model is not gone on from") {
  tests::work_folder where;
  auto const spoiled = [&](std::string const& name, std::string const& at, json const& options,
                           auto const& spoil) {
    auto const folder = where.path / name;
    stopped_at(at, quick, folder);
    REQUIRE(fs::exists(folder / "checkpoint.nsai"));
    spoil(folder);
    auto const resumed = go_on(options, folder);
    context_of(resumed.told);
    CHECK(resumed.told.value.value().at("resumed_epochs") == 0);
    CHECK_MESSAGE(says(resumed.log, "training begins anew"), name);
  };
  auto const nothing = [](fs::path const&) {};
  std::string const middle = "seed 1 of 2, epoch 4 of", second = "seed 2 of 2, epoch 3 of";
  spoiled("cut", middle, quick,
          [](fs::path const& folder) { fs::resize_file(folder / "checkpoint.nsai", 1000); });
  spoiled("text", middle, quick,
          [](fs::path const& folder) { std::ofstream{folder / "checkpoint.nsai"} << "hello"; });
  spoiled("rate", middle, with(quick, {{"learning_rate", 0.01}}), nothing);
  spoiled("hidden", middle, with(quick, {{"hidden", 8}}), nothing);
  auto const changed = [](auto const& change) {
    return [change](fs::path const& folder) {
      auto file = read_network(folder / "checkpoint.nsai", network_file::kind_of_file::checkpoint,
                               "checkpoint");
      change(file);
      write_network(folder / "checkpoint.nsai", file);
    };
  };
  // Read unchecked, this would be an index into the scores.
  for (json const& predicted : {json(3), json(4294967295U), json(-1), json(0.5), json("1")})
    spoiled("class " + predicted.dump(), second, quick, changed([&](network_file& file) {
              file.about["finished"][0]["predicted"][0] = predicted;
            }));
  spoiled("fewer examples", second, quick, changed([](network_file& file) {
            file.about["finished"][0]["predicted"] = json::array();
          }));
  spoiled("other seed", second, quick,
          changed([](network_file& file) { file.about["finished"][0]["seed"] = 9; }));
  spoiled("history", second, quick, changed([](network_file& file) {
            file.about["finished"][0]["history"] = json::array();
          }));
  spoiled("other network", middle, quick, changed([](network_file& file) {
            file.network = fresh_network({file.network.shape.inputs, 8, 3}, 1);
          }));
  spoiled("model", second, quick,
          [](fs::path const& folder) { fs::remove(folder / "model.nsai"); });
}

TEST_CASE("evaluate finds the training's model, and its predictions can be scored as SciFact's") {
  tests::work_folder where;
  stage_env env;
  env.artifacts = where.path / "train";
  auto const trained = context_of(run_learning(make_training(), quick, env));
  env.artifacts = where.path / "evaluate";
  auto const ctx = context_of(run_learning(make_evaluate(), {{"dataset", "sample"}}, env, trained));
  auto const& metrics = ctx.metrics.at("evaluation");
  CHECK(metrics.at("accuracy").get<double>() > 0.5);  // most of it was learned from
  CHECK(metrics.at("counts").at("pairs") == 39);
  std::vector<prediction> predictions;
  read_json(ctx.outputs.at("predictions"), predictions);
  CHECK(predictions.size() == 40);
  std::ifstream claims{NSAI_SOURCE_DIR "/examples/data/claims.jsonl"},
      told{where.path / "evaluate/predictions.jsonl"};
  dataset_reader reader{"sample", 0};
  reader.claims(claims, "claims");
  reader.predictions(told, "predictions");
  auto const data = reader.finish();
  CHECK(data.counts.at("broken_lines") == 0);
  CHECK(data.counts.at("claims_without_prediction") == 0);
  auto const scores = score_labels(data.claims, data.predictions);
  // Of SUPPORT and CONTRADICT those that were right, over all pairs that were called so.
  std::int64_t right = 0, called = 0;
  for (auto const* gold : {"SUPPORT", "CONTRADICT", "NEI"})
    for (auto const* label : {"SUPPORT", "CONTRADICT"}) {
      auto const n = metrics.at("confusion").at(gold).at(label).get<std::int64_t>();
      called += n;
      right += std::string_view{gold} == label ? n : 0;
    }
  CHECK(scores.abstract_label_only.correct == right);
  CHECK(scores.abstract_label_only.retrieved == called);
}

TEST_CASE("the progress of a training and of an evaluation never goes back") {
  tests::work_folder where;
  auto const training = fractions_of(make_training(), quick, {}, where.path);
  CHECK(training.size() > 20);
  CHECK(std::is_sorted(training.begin(), training.end()));
  CHECK(training.back() <= 1);
  auto const evaluation = fractions_of(
      make_evaluate(), {{"dataset", "sample"}, {"model", (where.path / "model.nsai").string()}}, {},
      where.path);
  CHECK_FALSE(evaluation.empty());
  CHECK(std::is_sorted(evaluation.begin(), evaluation.end()));
}

TEST_CASE("what a part of a stage tells never goes back, whoever of several tells it") {
  std::vector<double> told;
  stage_env env;
  env.progress = [&](double fraction, std::string const&) { told.push_back(fraction); };
  auto const part = env.part(0.25, 0.75);
  auto const first = part.progress;
  auto const second = part.progress;
  first(1, "one");
  second(0, "the other");
  second(0.5, "the other");
  CHECK(told == std::vector<double>{0.75, 0.75, 0.75});
}

TEST_CASE("training uses what data_load loaded, and evaluate a model that is named by its path") {
  tests::work_folder where;
  stage_env env;
  env.artifacts = where.path / "a";
  context ctx;
  ctx.experiment = {{"base_dir", where.path.string()}, {"dataset", "sample"}};
  auto const loaded = context_of(run_learning(make_data_load(), json::object(), env, ctx));
  json options{{"epochs", 1}, {"resamples", 100}};
  auto trained = context_of(run_learning(make_training(), options, env, loaded));
  CHECK(trained.metrics.at("training").at("dataset") == "sample");
  CHECK(context_of(run_learning(make_training(), options, env, ctx)).metrics.at("training") ==
        trained.metrics.at("training"));
  trained.artifacts.clear();
  CHECK(context_of(run_learning(make_evaluate(), {{"model", "a/model.nsai"}}, env, trained))
            .metrics.at("evaluation")
            .at("dataset") == "sample");
}

TEST_CASE("dev claims of their own, of the training's corpus where they have none") {
  tests::work_folder where;
  stage_env env;
  env.artifacts = where.path / "a";
  env.datasets["mine"].claims = NSAI_SOURCE_DIR "/examples/data/claims.jsonl";
  json const options{{"dataset", "sample"}, {"epochs", 1}, {"resamples", 100}};
  auto const by_name =
      context_of(run_learning(make_training(), with(options, {{"dev_dataset", "mine"}}), env));
  auto const& metrics = by_name.metrics.at("training");
  CHECK(metrics.at("dev") == "dev claims");
  CHECK(metrics.at("counts").at("dev").at("pairs") == 39);
  CHECK(metrics.at("counts").at("dev").at("pairs_of_training_documents") == 39);
  auto const by_path = context_of(run_learning(
      make_training(),
      with(options, {{"dev_claims", NSAI_SOURCE_DIR "/examples/data/claims.jsonl"}}), env));
  CHECK(by_path.metrics.at("training").at("dev_accuracy") == metrics.at("dev_accuracy"));
}

TEST_CASE("what is wrong with data, options or a model is told with its field") {
  tests::work_folder where;
  stage_env env;
  env.artifacts = where.path / "a";
  auto const fault = [&](auto make, json const& options) {
    auto const told = run_learning(make(), options, env);
    REQUIRE(told.error);
    return told.error->code + ": " + told.error->message;
  };
  CHECK(fault(make_training, {{"dataset", "sample"}, {"buckets", 100}}) ==
        "bad_input: options.buckets: 100 is not allowed; expected a power of two");
  CHECK(fault(make_training, json::object())
            .starts_with("unknown_dataset: dataset: this node's "
                         "config has no data set \"scifact\""));
  CHECK(fault(make_training, {{"claims", NSAI_SOURCE_DIR "/examples/data/claims.jsonl"}})
            .starts_with("no_pairs: claims: no claim cites a document"));
  CHECK(fault(make_training, {{"dataset", "sample"}, {"dev_dataset", "none"}})
            .starts_with("unknown_dataset: dev: dataset"));
  CHECK(fault(make_training, {{"dataset", "sample"}, {"dev_share", 0}})
            .starts_with("no_pairs: dev_claims"));
  CHECK(fault(make_evaluate, {{"dataset", "sample"}}) ==
        "bad_input: options.model: nothing was given; expected a path, or a training stage before "
        "this one");
  CHECK(fault(make_evaluate, {{"dataset", "sample"}, {"model", "/nowhere.nsai"}})
            .starts_with("bad_input: model: /nowhere.nsai cannot be read"));
  std::ofstream{where.path / "x.nsai"} << "NSAINET\n and more that is not one of it";
  CHECK(fault(make_evaluate, {{"dataset", "sample"}, {"model", (where.path / "x.nsai").string()}})
            .find("expected version 1") != std::string::npos);
}

TEST_CASE("what training takes where nothing is said is what fit_options say") {
  fit_options const fits;
  json said = json::object();
  for (auto const& each : make_training()->describe().options)
    said[each.name] = each.default_value.value();
  CHECK(said.at("epochs") == fits.epochs);
  CHECK(said.at("batch_size") == fits.batch_size);
  CHECK(said.at("hidden") == fits.hidden);
  CHECK(said.at("seed") == fits.seed);
  CHECK(said.at("balance") == fits.balance);
  CHECK(static_cast<float>(said.at("learning_rate").get<double>()) == fits.learning_rate);
}
