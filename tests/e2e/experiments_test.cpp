// Experiments: what is delegated, joined, resumed, compared and left behind.
#include <fstream>

#include <doctest/doctest.h>
#include <signal.h>

#include "tests/e2e/cluster.hpp"

using namespace nsai::tests;

namespace {

struct laboratory : cluster {
  std::string file(std::string const& name, std::string const& text) const {
    auto const path = directory() / name;
    std::ofstream{path} << text;
    return path.string();
  }
  json stage_of(json const& experiment, std::string const& name) const {
    for (auto const& each : experiment.at("stages"))
      if (each.at("name") == name)
        return each;
    return {};
  }
};

/// A program that adds one metric, after it has seen that a file is there.
std::string adds_metric(std::string const& name, std::string const& value,
                        std::string const& needs = "/") {
  return R"({"name": ")" + name + R"(", "stage": "command", "options": {"argv": ["sh", "-c",
    "test -e )" +
         needs + R"( && echo '{\"answer\": 42, \"context\": {\"metrics\": {\")" + name + R"(\": )" +
         value + R"(}}}' > $NSAI_RESULT"]}})";
}

}  // namespace

TEST_CASE_FIXTURE(laboratory,
                  "a work_job runs what it delegates, with its own priority; an async one is not "
                  "waited for until await_jobs, which merges its context") {
  start_head({"--cpus", "4"});
  auto const go_on = (directory() / "go-on").string();
  auto const experiment = file(
      "e.json",
      R"({"id": "e1", "name": "delegated", "pipeline": [
    )" + adds_metric("first", "1") +
          R"(,
    {"name": "slow", "stage": "work_job", "options": {"async": true, "stage_module": "command",
      "priority": "interactive", "max_retries": 0, "timeout_ms": 60000, "stage_opts": {"argv": ["sh", "-c",
      "until test -e )" +
          go_on +
          R"(; do sleep 0.05; done; echo '{\"context\": {\"metrics\": {\"slow\": 7, \"both\": 1}}}' > $NSAI_RESULT"]}}},
    )" + adds_metric("both", "2") +
          R"(,
    {"name": "gather", "stage": "await_jobs"},
    )" + adds_metric("last", "3") +
          "]}");
  auto const run = ask({"run", experiment, "--detach"}).at("parent").get<std::uint64_t>();
  CHECK(eventually([&] {
    return stage_of(ask({"experiment", std::to_string(run)}), "both").at("status") == "succeeded";
  }));
  auto const open = ask({"experiment", std::to_string(run)});
  CHECK(stage_of(open, "slow").at("status") == "running");
  CHECK(stage_of(open, "slow").at("priority") == "interactive");
  CHECK(stage_of(open, "slow").at("constraints").at("timeout_ms") == 60000);
  CHECK(stage_of(open, "both").at("priority") == "batch");
  CHECK(stage_of(open, "gather").at("status") == "pending");
  std::ofstream{go_on};
  REQUIRE(wait_status(run, "succeeded"));
  auto const over = ask({"experiment", "e1"});
  CHECK(over.at("metrics") == json::parse(R"({"first": 1, "slow": 7, "both": 2, "last": 3})"));
  CHECK(over.at("conflicts") ==
        json::parse(R"([{"path": "metrics.both", "kept": 2, "dropped": 1}])"));
  CHECK(stage_of(over, "first").at("result") == json{{"answer", 42}});
  auto const told = this->run({"experiment", std::to_string(run)});
  CHECK(told.out.find("did not agree on metrics.both: 2 was kept, 1 dropped") != std::string::npos);
}

TEST_CASE_FIXTURE(
    laboratory,
    "a run that failed is resumed after the stages that have succeeded, with the same "
    "metrics as one that never failed") {
  start_head();
  auto const there = (directory() / "there").string();
  auto const text = R"({"id": "e2", "pipeline": [{"name": "load", "stage": "data_load"},
    {"name": "score", "stage": "proposer_metrics"},
    )" + adds_metric("late", "1", there) +
                    R"(], "dataset": "sample"})";
  auto const experiment = file("e.json", text);
  auto const failed = run({"run", experiment, "--json"});
  CHECK(failed.exit_code == 1);
  CHECK(failed.document().at("error").at("message").get<std::string>().find("--resume 1 goes on") !=
        std::string::npos);
  CHECK(run({"compare", "1", "1"}).exit_code == 5);
  std::ofstream{there};
  auto const resumed = ask({"run", experiment, "--resume", "1"});
  auto const second = ask({"experiment", "e2"});
  CHECK(second.at("run").at("retry_of") == 1);
  auto const scored = stage_of(second, "score");
  CHECK(scored.at("retry_of") == 3);
  CHECK(scored.at("attempt") == 0);
  CHECK(stage_of(second, "late").at("attempt") == 1);
  auto const whole = ask({"run", experiment});
  CHECK(resumed.at("metrics").dump() == whole.at("metrics").dump());
  CHECK(run({"run", experiment, "--resume", "5"}).exit_code == 5);

  auto const runs = ask({"experiments", "e2"});
  REQUIRE(runs.size() == 3);
  CHECK(runs.at(2).at("status") == "failed");
  for (auto const& each :
       ask({"compare", runs.at(0).at("id").dump(), runs.at(1).at("id").dump()}).at("metrics"))
    CHECK((each.at("difference").is_null() || each.at("difference") == 0));
  CHECK(run({"experiment", "nobody"}).exit_code == 2);
}

TEST_CASE_FIXTURE(laboratory,
                  "a scheduler that is killed in the middle of a run: it goes on, with the same "
                  "metrics") {
  start_head();
  auto const experiment = file("e.json", R"({"id": "e3", "dataset": "sample", "pipeline": [
    {"name": "load", "stage": "data_load"}, {"name": "wait", "stage": "sleep", "options": {"seconds": 2}},
    {"name": "score", "stage": "proposer_metrics"}]})");
  auto const interrupted = ask({"run", experiment, "--detach"}).at("parent").get<std::uint64_t>();
  REQUIRE(eventually([&] {
    return stage_of(ask({"experiment", "e3"}), "wait").at("status") == "running";
  }));
  node("head").kill_hard();
  start_head();
  REQUIRE(wait_status(interrupted, "succeeded"));
  CHECK(job(interrupted).at("result").at("metrics").dump() ==
        ask({"run", experiment}).at("metrics").dump());
}

TEST_CASE_FIXTURE(laboratory,
                  "a node that is killed in the middle of a training: the next attempt goes on "
                  "from its last epoch, to the same metrics") {
  start_head();
  auto const experiment =
      file("e.json", R"({"id": "e5", "type": "training", "dataset": "sample", "pipeline": [
    {"name": "load", "stage": "data_load"},
    {"name": "train", "stage": "training", "options": {"epochs": 1000, "seeds": 2, "dev_share": 0.3}}]})");
  auto const interrupted = ask({"run", experiment, "--detach"}).at("parent").get<std::uint64_t>();
  REQUIRE(eventually([&] {
    return stage_of(ask({"experiment", "e5"}), "train").at("progress").at("fraction") > 0.1;
  }));
  node("head").kill_hard();
  start_head();
  REQUIRE(wait_status(interrupted, "succeeded"));
  auto const resumed = stage_of(ask({"experiment", "e5"}), "train");
  CHECK(resumed.at("attempt") == 2);
  CHECK(resumed.at("result").at("resumed_epochs") > 0);
  auto const whole = ask({"run", experiment});
  CHECK(stage_of(ask({"experiment", "e5"}), "train").at("result").at("resumed_epochs") == 0);
  CHECK(job(interrupted).at("result").at("metrics").dump() == whole.at("metrics").dump());
}

TEST_CASE_FIXTURE(laboratory, "artifacts: a directory for each run, sizes and hashes recorded") {
  auto const shared = (directory() / "shared").string();
  auto const config = file("node.json", R"({"artifacts": ")" + shared + "\"}");
  start_head({"--config", config});
  auto const experiment = file("e.json", R"({"id": "e4", "pipeline": [
    {"name": "write it", "stage": "command", "options": {"argv": ["sh", "-c",
      "printf abc > $NSAI_ARTIFACTS/a.txt; mkdir $NSAI_ARTIFACTS/deep; printf x > $NSAI_ARTIFACTS/deep/b"]}},
    {"name": "next", "stage": "command", "options": {"argv": ["sh", "-c", "printf z > $NSAI_ARTIFACTS/c"]}}]})");
  ask({"run", experiment});
  auto const all = ask({"artifacts", "e4"});
  REQUIRE(all.size() == 3);
  CHECK(all.at(0).at("name") == "a.txt");
  CHECK(all.at(0).at("path") == shared + "/0/1/write_it-2/a.txt");
  CHECK(all.at(0).at("bytes") == 3);
  CHECK(all.at(0).at("sha256") ==
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(all.at(0).at("node") == "head");
  CHECK(all.at(2).at("path") == shared + "/0/1/next/c");
  auto const program = submit({"--", "sh", "-c", "printf abc > $NSAI_ARTIFACTS/of-a-program"});
  REQUIRE(wait_status(program, "succeeded"));
  CHECK(ask({"artifacts", std::to_string(program)}).at(0).at("bytes") == 3);
  CHECK(ask({"artifacts", std::to_string(submit({"--", "true"}))}).empty());
}

TEST_CASE_FIXTURE(laboratory,
                  "a context that a program gives in the wrong shape fails it, and says where") {
  start_head();
  auto const told = run({"submit", "--json", "--wait", "--", "sh", "-c",
                         "echo '{\"context\": {\"metrcis\": {}}}' > $NSAI_RESULT"});
  CHECK(told.exit_code == 1);
  auto const error = told.document().at(0).at("error");
  CHECK(error.at("code") == "bad_result");
  CHECK(error.at("message").get<std::string>().find("result.context.metrcis") != std::string::npos);
}

TEST_CASE_FIXTURE(laboratory, "the experiments that come with the project run as they stand") {
  start_head({"--cpus", "4"});
  auto const metrics_of = [&](std::string const& name) {
    auto const context = ask({"run", NSAI_SOURCE_DIR "/examples/" + name});
    CHECK(context.at("artifacts").size() >= 1);
    return context.at("metrics");
  };
  auto const proposer = metrics_of("proposer_scifact.json").at("proposer");
  CHECK(proposer.at("labels").at("abstract_label_only").at("f1") > 0);
  CHECK(proposer.at("targets").at("schema_compliance") == 0.95);
  CHECK(proposer.at("targets").at("entailment_score") == 0.75);
  CHECK(proposer.at("targets").at("similarity_score") == 0.70);
  auto const loop = metrics_of("experiments/cns_loop.json");
  CHECK(loop.at("antagonist").at("targets").at("precision") == 0.8);
  CHECK(loop.at("antagonist").at("targets").at("recall") == 0.7);
  CHECK(loop.at("synthesizer").at("targets").at("beta1_reduction") == 0.3);
  CHECK(loop.at("synthesizer").at("targets").at("trust") == 0.7);
  CHECK(metrics_of("experiments/training.json").at("training").at("dev_accuracy") > 0);
}

TEST_CASE_FIXTURE(laboratory, "every fault of an experiment file is told at once, with its path") {
  start_head();
  auto const experiment = file("e.json", R"({"pipeline": [
    {"name": "a", "stage": "echo", "options": {"txet": 1, "tetx": 2}},
    {"name": "b", "stage": "work_job", "options": {"stage_module": "Sleep", "stage_opts": {"seconds": "two"}}}]})");
  auto const told = run({"run", experiment});
  CHECK(told.exit_code == 2);
  for (auto const* field : {"pipeline[0].options.tetx", "pipeline[0].options.txet",
                            "pipeline[1].options.stage_opts.seconds"})
    CHECK(told.err.find(field) != std::string::npos);
  auto const alone = [&](std::string const& options) {
    auto const refused =
        run({"submit", "--stage", "work_job", "--options", "@" + file("o.json", options)});
    CHECK(refused.exit_code == 2);
    return refused.err;
  };
  CHECK(alone(R"({"stage_module": "Slep"})").find("options.stage_module: ") != std::string::npos);
  CHECK(alone(R"({"stage_module": "Sleep", "stage_opts": {"seconds": "two"}})")
            .find("options.stage_opts.seconds: ") != std::string::npos);
}

TEST_CASE_FIXTURE(laboratory,
                  "what another tenant's job has left cannot be had by depending on it, or by "
                  "resuming its run (P8)") {
  start_head();
  auto const theirs = submit({"--tenant", "other", "--stage", "echo", "--set", "text=secret"});
  REQUIRE(eventually([&] {
    return run({"--tenant", "other", "job", std::to_string(theirs), "--json"})
               .document()
               .at("status") == "succeeded";
  }));
  auto const told =
      run({"submit", "--after", std::to_string(theirs), "--stage", "echo", "--set", "text=x"});
  CHECK(told.exit_code == 2);
  CHECK(told.err.find("is not known") != std::string::npos);
  auto const experiment =
      file("e.json",
           R"({"pipeline": [{"name": "a", "stage": "echo"}, {"name": "b", "stage": "fail"}]})");
  CHECK(run({"--tenant", "other", "run", experiment}).exit_code == 1);
  CHECK(run({"run", experiment, "--resume", std::to_string(theirs + 1)}).exit_code == 2);
}

TEST_CASE_FIXTURE(
    laboratory,
    "odd contexts and results fail their own job at most; the cluster goes on (P1, P8)") {
  start_head();
  CHECK(run({"submit", "--stage", "echo", "--set", "text=x", "--context",
             "@" + file("c.json", R"({"artifacts": null})")})
            .exit_code == 2);
  for (auto const* result : {R"({"context": {"outputs": "x"}})", R"({"context": {"artifacts": 5}})",
                             R"({"context": {"artifacts": ["x"]}})"})
    CHECK(run({"submit", "--wait", "--", "sh", "-c",
               "cp " + file("result.json", result) + " $NSAI_RESULT"})
              .exit_code == 1);
  auto const deep = file("deep.json", std::string(255, '[') + std::string(255, ']'));
  auto const experiment = file("e.json", R"({"pipeline": [
    {"name": "deep", "stage": "command", "options": {"argv": ["sh", "-c", "cp )" +
                                             deep + R"( $NSAI_RESULT"]}},
    {"name": "after", "stage": "command", "options": {"argv": ["true"]}}]})");
  run({"run", experiment});
  CHECK(run({"submit", "--kind", "composite", "--", "true"}).exit_code == 2);
  CHECK(ask({"submit", "--stage", "echo", "--set", "text=x", "--wait"}).at(0).at("status") ==
        "succeeded");
}

TEST_CASE_FIXTURE(laboratory, "a step's result reaches the next step, also when it left a file") {
  start_head();
  auto const experiment = file("e.json", R"({"id": "e9", "pipeline": [
    {"name": "leaves", "stage": "command", "options": {"argv": ["sh", "-c",
      "echo x > $NSAI_ARTIFACTS/f; echo '{\"score\": 1}' > $NSAI_RESULT"]}},
    {"name": "reads", "stage": "command", "options": {"argv": ["sh", "-c", "cat $NSAI_CONTEXT > $NSAI_RESULT"]}}]})");
  ask({"run", experiment});
  CHECK(stage_of(ask({"experiment", "e9"}), "reads").at("result").at("outputs").at("leaves") ==
        json{{"score", 1}});
}
