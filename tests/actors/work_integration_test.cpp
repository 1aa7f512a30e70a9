#include "actors/work_integration.hpp"

#include <doctest/doctest.h>

#include "stages/stage.hpp"

using namespace nsai;

namespace {

std::vector<stage_description> known_stages() {
  return stages::built_in_stages().descriptions();
}

submission made(submission_or_error const& built) {
  auto const* error = std::get_if<error_info>(&built);
  REQUIRE_MESSAGE(error == nullptr, (error ? error->message : ""));
  return std::get<submission>(built);
}

error_info refused(submission_or_error const& built) {
  REQUIRE(std::holds_alternative<error_info>(built));
  return std::get<error_info>(built);
}

submission submitted(experiment const& e, submit_options const& terms = {}) {
  return made(experiment_submission(e, terms, known_stages()));
}

std::vector<std::string> stages_in(submission const& s) {
  std::vector<std::string> names;
  for (auto const& step : s.pipeline)
    names.push_back(step.stage);
  return names;
}

step_spec step_of(submission const& s, std::string const& name) {
  for (auto const& step : s.pipeline)
    if (step.name == name)
      return step;
  FAIL("there is no step " << name);
  return s.pipeline.front();
}

using names = std::vector<std::string>;

}  // namespace

TEST_CASE("integration: each type has the document's pipeline, namespace, tenant and priority") {
  auto const proposer = submitted({.type = "proposer"});
  CHECK(stages_in(proposer) == names{"data_load", "proposer", "proposer_metrics", "report"});
  CHECK(proposer.priority == priority::interactive);
  auto const antagonist = submitted({.type = "antagonist"});
  CHECK(stages_in(antagonist) ==
        names{"data_load", "proposer", "antagonist", "antagonist_metrics", "report"});
  CHECK(antagonist.priority == priority::interactive);
  auto const synthesizer = submitted({.type = "synthesizer"});
  CHECK(stages_in(synthesizer) == names{"data_load", "proposer", "antagonist", "synthesizer",
                                        "synthesizer_metrics", "report"});
  CHECK(synthesizer.priority == priority::interactive);
  auto const training = submitted({.type = "training"});
  CHECK(stages_in(training) == names{"data_load", "training", "report"});
  CHECK(training.priority == priority::batch);
  for (auto const& s : {proposer, antagonist, synthesizer, training}) {
    CHECK(s.tenant_id == "cns_crucible");
    CHECK(s.kind == job_kind::composite);
    auto const metadata = s.metadata.value();
    CHECK(metadata.at("experiment_type") == s.name_space);
    CHECK(metadata.at("experiment_name") == s.name_space);
    CHECK(s.context.value().at("experiment").at("dataset") == "sample");
  }
}

TEST_CASE("integration: a data set that brings a proposer's outputs needs no proposer") {
  auto const s =
      submitted({.type = "proposer", .dataset = {{"claims", "c.jsonl"}, {"outputs", "o.jsonl"}}});
  CHECK(stages_in(s) == names{"data_load", "proposer_metrics", "report"});
  CHECK(s.context.value().at("experiment").at("dataset").at("outputs") == "o.jsonl");
}

TEST_CASE("integration: what is asked for holds for the stages that compute") {
  auto const s = submitted({.name = "proposer_scifact", .type = "proposer", .dataset = "scifact"},
                           {.priority = priority::realtime,
                            .gpu = "A100",
                            .memory_mb = 8192,
                            .cpu = 2.5,
                            .timeout_ms = 1'800'000,
                            .max_retries = 3,
                            .retry_backoff_ms = 5000,
                            .constraints = {{"jitter", 0}, {"max_retries", 7}},
                            .resources = {{"gpu_count", 2}, {"cpu", 9}}});
  CHECK(s.priority == priority::realtime);
  for (auto const* name : {"proposer", "proposer_metrics"}) {
    auto const step = step_of(s, name);
    CHECK(step.resources.gpu == "A100");
    CHECK(step.resources.gpu_count == 2);
    CHECK(step.resources.memory_mb == 8192);
    CHECK(step.resources.cpu == milli{2500});
    CHECK(step.constraints.timeout_ms == 1'800'000);
    CHECK(step.constraints.max_retries == 3);
    CHECK(step.constraints.retry_backoff_ms == 5000);
    CHECK(step.constraints.jitter == milli{0});
  }
  for (auto const* name : {"data_load", "report"}) {
    CHECK(step_of(s, name).resources == resources{});
    CHECK(step_of(s, name).constraints == constraints{});
  }
}

TEST_CASE("integration: a training asks for an A100 and 16,384 MB unless it is told otherwise") {
  training_config const config{.model_type = "proposer",
                               .dataset = "scifact",
                               .epochs = 3,
                               .batch_size = 16,
                               .learning_rate = 2.0e-4,
                               .options = {{"hidden", 64}}};
  auto const training = [&](submit_options const& terms) {
    return made(training_submission(config, terms, known_stages()));
  };
  auto const s = training({});
  CHECK(s.name_space == "training");
  CHECK(s.priority == priority::batch);
  CHECK(s.metadata.value().at("experiment_name") == "training_proposer");
  CHECK(stages_in(s) == names{"data_load", "training", "report"});
  auto const& step = step_of(s, "training");
  CHECK(step.resources.gpu == "A100");
  CHECK(step.resources.gpu_count == 1);
  CHECK(step.resources.memory_mb == 16'384);
  CHECK(step.constraints.max_retries == 2);
  auto const options = step.options.value();
  CHECK(options.at("model_type") == "proposer");
  CHECK(options.at("epochs") == 3);
  CHECK(options.at("batch_size") == 16);
  CHECK(options.at("learning_rate") == 2.0e-4);
  CHECK(options.at("hidden") == 64);
  CHECK(s.context.value().at("experiment").at("dataset") == "scifact");

  auto const on_cpu = step_of(training({.gpu = "none", .memory_mb = 512}), "training");
  CHECK(on_cpu.resources.gpu_count == 0);
  CHECK(on_cpu.resources.gpu.empty());
  CHECK(on_cpu.resources.memory_mb == 512);
  auto const any = training({.gpu = "any", .max_retries = 0});
  CHECK(step_of(any, "training").resources.gpu.empty());
  CHECK(step_of(any, "training").resources.gpu_count == 1);
  CHECK(step_of(any, "training").constraints.max_retries == 0);
  auto const own = training({.resources = {{"gpu", "H100"}, {"memory_mb", 9}}});
  CHECK(step_of(own, "training").resources.gpu == "H100");
  CHECK(step_of(own, "training").resources.memory_mb == 9);
}

TEST_CASE("integration: a model is evaluated on another data set when one is given") {
  training_config config;
  config.evaluation_dataset = {{"claims", "dev.jsonl"}, {"corpus", "corpus.jsonl"}};
  auto const s = made(training_submission(config, {}, known_stages()));
  CHECK(stages_in(s) == names{"data_load", "training", "evaluate", "report"});
  CHECK(step_of(s, "evaluate").options.value().at("claims") == "dev.jsonl");
  // What is not given is the stage's own.
  CHECK(step_of(s, "training").options.value().at("epochs") == 10);
  config.evaluation_dataset = "dev";
  CHECK(step_of(made(training_submission(config, {}, known_stages())), "evaluate")
            .options.value()
            .at("dataset") == "dev");
}

TEST_CASE("integration: an experiment with a pipeline keeps it; its own values come first") {
  auto const pipeline = json::parse(R"([
    {"name": "load", "stage": "data_load"},
    {"name": "score", "stage": "proposer_metrics", "resources": {"memory_mb": 100},
     "constraints": {"timeout_ms": 7}},
    {"name": "heavy", "stage": "work_job", "options": {
      "stage_module": "CnsCrucible.Stages.ProposerMetrics", "resources": {"gpu": "H100"}}}])");
  auto const s = submitted({.id = "exp_001",
                            .type = "mine",
                            .options = {{"load", {{"limit", 5}}}, {"heavy", {{"batch_size", 32}}}},
                            .pipeline = pipeline,
                            .base_dir = "/data"},
                           {.gpu = "A100", .memory_mb = 8192, .timeout_ms = 1000});
  CHECK(s.name_space == "mine");
  CHECK(s.priority == priority::batch);
  CHECK(s.metadata.value().at("experiment_id") == "exp_001");
  CHECK(s.context.value().at("experiment").at("base_dir") == "/data");
  CHECK(step_of(s, "load").options.value().at("limit") == 5);
  CHECK(step_of(s, "load").resources == resources{});
  CHECK(step_of(s, "score").resources.memory_mb == 100);
  CHECK(step_of(s, "score").resources.gpu == "A100");
  CHECK(step_of(s, "score").constraints.timeout_ms == 7);
  auto const heavy = step_of(s, "heavy");
  CHECK(heavy.stage == "proposer_metrics");
  CHECK(heavy.options.value().at("batch_size") == 32);
  CHECK(heavy.resources.gpu == "H100");
  CHECK(heavy.resources.memory_mb == 8192);
  CHECK(heavy.constraints.timeout_ms == 1000);
}

TEST_CASE("integration: a stage that only looks gets no GPU, also when a work_job delegates it") {
  auto const s = submitted({.type = "mine", .pipeline = json::parse(R"([
    {"name": "score", "stage": "data_load"},
    {"name": "told", "stage": "work_job", "options": {"stage_module": "Crucible.Stage.Report"}}])")},
                           {.gpu = "A100"});
  CHECK(step_of(s, "told").stage == "report");
  CHECK(step_of(s, "told").resources == resources{});
}

TEST_CASE("integration: a document's own priority holds unless another is asked for") {
  json const document{
      {"type", "antagonist"}, {"priority", "offline"}, {"pipeline", {{{"stage", "echo"}}}}};
  auto const priority_with = [&](submit_options const& terms) {
    return made(document_submission(document, "/", terms, known_stages())).priority;
  };
  CHECK(priority_with({}) == priority::offline);
  CHECK(priority_with({.priority = priority::batch}) == priority::batch);
}

TEST_CASE("integration: what is wrong is told by the names that the caller knows") {
  auto const fault = [](experiment const& e, submit_options const& terms = {}) {
    return refused(experiment_submission(e, terms, known_stages()));
  };
  CHECK(fault({.type = "proposr"}).field == "type");
  CHECK(fault({.type = "proposer"}, {.resources = {{"cpus", 1}}}).field == "resources.cpus");
  CHECK(fault({.type = "proposer"}, {.memory_mb = -1}).field == "resources.memory_mb");
  CHECK(fault({.type = "proposer"}, {.timeout_ms = -1}).field == "constraints.timeout_ms");
  CHECK(fault({.type = "proposer"}, {.constraints = json::array()}).field == "constraints");
  auto const unknown = fault({.type = "proposer", .options = {{"score", {{"limit", 1}}}}});
  CHECK(unknown.field == "options.score");
  CHECK(unknown.message.find("data_load, proposer, proposer_metrics") != std::string::npos);
  auto const several = fault({.type = "mine", .pipeline = json::parse(R"([{"stage": "echoo"},
                                {"stage": "echo", "options": {"txet": 1}}])")});
  CHECK(several.category == "usage");
  CHECK(several.field == "pipeline[0].stage");
  CHECK(several.message.find("pipeline[1].options.txet") != std::string::npos);
  training_config config;
  config.options = json::array();
  CHECK(refused(training_submission(config, {}, known_stages())).field == "options");
  CHECK(refused(document_submission(json(5), "/", {.gpu = "A100"}, known_stages())).field ==
        "experiment");
}

TEST_CASE("integration: an experiment without an id gets a random one, a UUID of version 4") {
  auto const id = [] {
    return submitted({.type = "proposer"}).metadata.value().at("experiment_id").get<std::string>();
  };
  auto const one = id();
  CHECK(one != id());
  CHECK(one.size() == 36);
  for (auto const at : {8, 13, 18, 23})
    CHECK(one[static_cast<std::size_t>(at)] == '-');
  CHECK(one[14] == '4');
  CHECK(std::string{"89ab"}.find(one[19]) != std::string::npos);
}
