// Every example that the README and the documentation show, as a reader would run it.
#include <algorithm>
#include <fstream>

#include <doctest/doctest.h>
#include <sys/stat.h>

#include "tests/e2e/cluster.hpp"

using namespace nsai::tests;

namespace {

/// A node with two virtual A100s, so that the document's own requests are granted.
struct example_cluster : cluster {
  explicit example_cluster(json more = json::object()) {
    more["virtual_gpus"] = {{{"model", "NVIDIA A100 80GB"}, {"memory_mb", 81'920}, {"count", 2}}};
    more["memory_mb"] = 65'536;
    more["cpus"] = 4;
    auto const file = directory() / "node.json";
    std::ofstream{file} << more.dump();
    start_head({"--config", file.string()});
  }

  /// They find the scheduler and its secret as a program of the same user does.
  finished example(std::string const& name, std::vector<std::string> words = {}) const {
    words.insert(words.begin(), std::string{NSAI_EXAMPLES "/"} + name);
    return run_program(
        words,
        {{"XDG_RUNTIME_DIR", (directory() / "runtime").string()}, {"NSAI_SCHEDULER", address()}},
        std::chrono::seconds{120});
  }
  /// The number that is printed after a word.
  static std::string number_after(std::string const& text, std::string const& word) {
    auto const at = text.find(word);
    REQUIRE_MESSAGE(at != std::string::npos, word << " in " << text);
    auto const from = at + word.size();
    return text.substr(from, text.find_first_not_of("0123456789", from) - from);
  }
  json experiment(std::string const& run) const {
    return ask({"--tenant", "cns_crucible", "experiment", run});
  }
  json stage(json const& whole, std::string const& name) const {
    for (auto const& each : whole.at("stages"))
      if (each.at("name") == name)
        return each;
    FAIL("there is no stage " << name);
    return {};
  }
};

bool says(finished const& f, std::string const& text) {
  return f.out.find(text) != std::string::npos;
}

std::string example_file(std::string const& path) {
  return std::string{NSAI_SOURCE_DIR "/examples/"} + path;
}

}  // namespace

TEST_CASE_FIXTURE(example_cluster, "basic: an experiment of the proposer, with and without a GPU") {
  auto const plain = example("basic");
  CHECK_MESSAGE(plain.exit_code == 0, plain.err);
  CHECK(says(plain, "\"schema_compliance\""));
  auto const with_gpu = example("basic", {"sample", "A100"});
  CHECK_MESSAGE(with_gpu.exit_code == 0, with_gpu.err);
  auto const whole = experiment(number_after(with_gpu.out, "job "));
  auto const& run = whole.at("run");
  CHECK(run.at("tenant_id") == "cns_crucible");
  CHECK(run.at("namespace") == "proposer");
  CHECK(run.at("priority") == "interactive");
  CHECK(run.at("metadata").at("experiment_name") == "proposer_scifact");
  auto const scored = stage(whole, "proposer_metrics");
  CHECK(scored.at("priority") == "interactive");
  CHECK(scored.at("resources").at("memory_mb") == 8192);
  CHECK(scored.at("devices").at(0).at("model") == "NVIDIA A100 80GB");
  CHECK(stage(whole, "data_load").at("devices").empty());
}

TEST_CASE_FIXTURE(example_cluster, "basic: a data set that no node knows is told by its name") {
  auto const result = example("basic", {"scifcat"});
  CHECK(result.exit_code == 1);
  CHECK_MESSAGE(result.err.find("scifcat") != std::string::npos, result.err);
}

TEST_CASE_FIXTURE(example_cluster, "async: three experiments at once, looked at before the end") {
  auto const result = example("async");
  CHECK_MESSAGE(result.exit_code == 0, result.err);
  for (char const* type : {"proposer", "antagonist", "synthesizer"})
    CHECK_MESSAGE(says(result, std::string{" ("} + type + "): succeeded"), result.out);
  // Of the first look, before anything was waited for.
  auto const first_look = result.out.substr(0, result.out.find("succeeded"));
  CHECK(first_look.find("(synthesizer): ") != std::string::npos);
}

TEST_CASE_FIXTURE(example_cluster,
                  "pipeline: the delegated stage has its own priority, GPU and timeout") {
  auto const result = example("pipeline", {"sample", "A100"});
  CHECK_MESSAGE(result.exit_code == 0, result.err);
  CHECK(says(result, "\"accuracy\""));
  CHECK(says(result, "\"f1\""));
  auto const whole = experiment(number_after(result.out, "run "));
  CHECK(whole.at("run").at("metadata").at("experiment_id") == "exp_001");
  auto const heavy = stage(whole, "heavy_inference");
  CHECK(heavy.at("stage") == "proposer_metrics");
  CHECK(heavy.at("priority") == "batch");
  CHECK(heavy.at("resources").at("memory_mb") == 16'384);
  CHECK(heavy.at("constraints").at("timeout_ms") == 1'800'000);
  CHECK(heavy.at("devices").at(0).at("model") == "NVIDIA A100 80GB");
}

TEST_CASE_FIXTURE(example_cluster,
                  "training: with the document's config, on the CPU and on an A100") {
  auto const result = example("training");
  CHECK_MESSAGE(result.exit_code == 0, result.err);
  CHECK(says(result, "accuracy 0."));
  auto const at = result.out.find("model: ");
  REQUIRE(at != std::string::npos);
  auto const model = result.out.substr(at + 7, result.out.find('\n', at) - at - 7);
  CHECK(std::filesystem::file_size(model) > 0);

  auto const on_gpu = example("training", {"sample", "A100"});
  CHECK_MESSAGE(on_gpu.exit_code == 0, on_gpu.err);
  auto const whole = experiment(number_after(on_gpu.out, "run "));
  CHECK(whole.at("run").at("namespace") == "training");
  auto const trained = stage(whole, "training");
  CHECK(trained.at("priority") == "batch");
  CHECK(trained.at("resources").at("gpu") == "A100");
  CHECK(trained.at("resources").at("memory_mb") == 16'384);
  CHECK(trained.at("constraints").at("max_retries") == 2);
  CHECK(trained.at("constraints").at("timeout_ms") == 3'600'000);
  CHECK(trained.at("options").at("epochs") == 3);
  CHECK(trained.at("options").at("learning_rate") == 2.0e-4);
}

TEST_CASE_FIXTURE(
    example_cluster,
    "dialectic: a CAF program of its own goes from the proposer on, by what it hears") {
  auto const result = example("dialectic");
  CHECK_MESSAGE(result.exit_code == 0, result.err);
  for (char const* text : {"proposer: job ", "  proposer started", "  proposer_metrics completed",
                           "antagonist: job ", "  antagonist completed", "flags: "})
    CHECK_MESSAGE(says(result, text), text << " in " << result.out);
  auto const runs = ask({"--tenant", "cns_crucible", "experiments"});
  CHECK(runs.size() == (says(result, "synthesizer: job ") ? 3 : 2));
}

TEST_CASE_FIXTURE(cluster, "custom_stage: a stage library built elsewhere, loaded by a node") {
  auto const build = (directory() / "custom_stage").string();
  auto const configured = run_program({NSAI_CMAKE, "-S", example_file("custom_stage"), "-B", build,
                                       std::string{"-DCMAKE_PREFIX_PATH="} + NSAI_BUILD},
                                      {}, std::chrono::seconds{60});
  REQUIRE_MESSAGE(configured.exit_code == 0, configured.out << configured.err);
  auto const built = run_program({NSAI_CMAKE, "--build", build}, {}, std::chrono::seconds{300});
  REQUIRE_MESSAGE(built.exit_code == 0, built.out << built.err);
  auto const library = build + "/claim_lengths.so";
  ::chmod(library.c_str(), 0755);
  auto const config = directory() / "node.json";
  std::ofstream{config} << json{{"stage_plugins", {library}}}.dump();
  start_head({"--config", config.string()});
  CHECK(ask({"stages", "claim_lengths"}).at(0).at("options").at(0).at("name") == "longest");
  auto const context = ask({"run", example_file("custom_stage/experiment.json")});
  auto const& metrics = context.at("metrics").at("claim_lengths");
  CHECK(metrics.at("claims") == 40);
  CHECK(metrics.at("over_longest") == context.at("outputs").at("long_claims").size());
  CHECK(metrics.at("over_longest") == 5);
  CHECK(metrics.at("longest_words") == 10);
  CHECK(run({"run", example_file("custom_stage/experiment.json"), "--set",
             "pipeline.claim_lengths.options.longest=0"})
            .exit_code == 2);
}

TEST_CASE_FIXTURE(cluster, "python_stage: a program reads the context and adds to it") {
  start_head();
  auto const context = ask({"run", example_file("python_stage/experiment.json")});
  auto const& metrics = context.at("metrics").at("hedging");
  CHECK(metrics.at("claims") == 40);
  CHECK(metrics.at("hedged") == 1);
  CHECK(context.at("outputs").at("hedged").size() == 1);
  CHECK(context.at("inputs").at("dataset").at("claims").size() == 40);
  // In events it has the name that the experiment gives it.
  auto const told = ask({"events", "--name", "work.job.completed"});
  CHECK(std::any_of(told.begin(), told.end(),
                    [](json const& e) { return e.at("stage_name") == "hedging"; }));
}
