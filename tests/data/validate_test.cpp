#include "stages/data/validate.hpp"

#include <doctest/doctest.h>

#include "tests/data/run.hpp"

using namespace nsai;
using namespace nsai::stages;
using tests::run;

TEST_CASE("what is expected and there is valid, on the sample with its metrics") {
  auto const scored = tests::after(run("proposer_metrics", nullptr, tests::sample()));
  auto const done = run("validate",
                        {{"require", {"inputs.dataset.claims", "metrics.proposer.labels"}},
                         {"types", {{"inputs.dataset.claims.0.id", "string"}}},
                         {"thresholds", {{"metrics.proposer.schema_compliance", {{"min", 0.9}}}}}},
                        scored);
  REQUIRE(done.result == attempt_result::succeeded);
  CHECK(done.value.value() ==
        json{{"valid", true}, {"checks", 5}, {"fault_count", 0}, {"faults", json::array()}});
  CHECK(tests::after(done).metrics.at("validate").at("valid") == true);
}

TEST_CASE("every fault is told at once with path, what came and what was expected") {
  context ctx;
  ctx.metrics = {{"a", 0.5}, {"b", "x"}, {"n", nullptr}};
  json const options{
      {"require", {"metrics.n", "inputs.dataset"}},
      {"types", {{"metrics.b", "number"}, {"metrics.z", "array"}}},
      {"thresholds", {{"metrics.a", {{"min", 0.75}, {"max", 1}}}, {"metrics.b", {{"max", 1}}}}}};
  auto const done = run("validate", options, ctx);
  CHECK(done.result == attempt_result::failed);
  REQUIRE(done.error);
  CHECK(done.error->code == "invalid");
  CHECK_FALSE(done.error->retryable);
  CHECK(done.error->message ==
        "metrics.n: null; expected a value\n"
        "inputs.dataset: nothing is there; expected a value\n"
        "metrics.b: the string \"x\"; expected number\n"
        "metrics.z: nothing is there; expected array\n"
        "metrics.a: 0.5; expected a number from 0.75 to 1.0\n"
        "metrics.b: the string \"x\"; expected a number to 1.0");
  CHECK(done.value.value().at("faults").size() == 6);
  auto report = options;
  report["on_failure"] = "report";
  auto const reported = run("validate", report, ctx);
  CHECK(reported.result == attempt_result::succeeded);
  CHECK(reported.value.value().at("faults") == done.value.value().at("faults"));
}

TEST_CASE("bounds are allowed values") {
  context ctx;
  ctx.metrics = {{"a", 0.5}};
  CHECK(run("validate", {{"thresholds", {{"metrics.a", {{"min", 0.5}, {"max", 0.5}}}}}}, ctx)
            .result == attempt_result::succeeded);
  CHECK(run("validate", {{"thresholds", {{"metrics.a", {{"min", 0.500001}}}}}}, ctx).result ==
        attempt_result::failed);
}

TEST_CASE("a data set that is not sound in itself is a fault") {
  dataset data;
  data.claims = {{"1", "a", {}, {}}, {"1", " ", {}, {}}};
  auto const twice = run("validate", {{"on_failure", "report"}}, tests::with_dataset(data));
  CHECK(twice.value.value().at("faults").size() == 2);
  auto ctx = tests::with_dataset(data);
  ctx.inputs["dataset"]["claims"][0]["claim"] = 5;
  auto const shape = run("validate", {{"on_failure", "report"}}, ctx).value.value().at("faults");
  REQUIRE(shape.size() == 1);
  CHECK(shape.at(0).at("path") == "inputs.dataset.claims[0].claim");
  CHECK(shape.at(0).at("expected") == "a string");
}

TEST_CASE("options that mean nothing are refused by name") {
  auto const message = [](json const& options) {
    auto const done = run("validate", options, {});
    REQUIRE(done.error);
    return done.error->message;
  };
  CHECK(message({{"types", {{"a", "text"}}}}).starts_with("options.types.a: "));
  CHECK(message({{"thresholds", {{"a", 5}}}}).starts_with("options.thresholds.a: "));
  CHECK(
      message({{"thresholds", {{"a", {{"least", 5}}}}}}).starts_with("options.thresholds.a.least"));
  CHECK(message({{"require", {1}}}).starts_with("options.require[0]: "));
}

TEST_CASE("paths go through objects and arrays, and nowhere else") {
  json const whole{{"a", {{{"b", 1}}, {{"b", 2}}}}};
  CHECK(*find_path(whole, "a.1.b") == 2);
  for (auto const* none : {"a.2.b", "a.x", "a.1.b.c", "", "b", "a.-1", "a.1x"})
    CHECK(find_path(whole, none) == nullptr);
}

TEST_CASE("a text that is cut in a fault is cut between characters, and can be logged") {
  for (auto const* shift : {"", "a", "aa", "aaa"}) {
    std::string text = shift;
    for (int i = 0; i < 40; ++i)
      text += "\xf0\x9f\xa7\xac";  // four bytes
    CHECK_NOTHROW(json(describe_json(text)).dump());
    context ctx;
    ctx.metrics["a"] = text;
    std::vector<std::string> log;
    stage_env env;
    env.log = [&](std::string const& line) { log.push_back(line); };
    auto const done = run("validate", {{"types", {{"metrics.a", "number"}}}}, ctx, env);
    REQUIRE(done.error);
    CHECK(done.error->code == "invalid");
    CHECK(log.size() == 1);
    CHECK(tests::after(done).metrics.at("validate").at("fault_count") == 1);
  }
}

TEST_CASE("of very many faults a hundred are told, and the number of all") {
  dataset data;
  for (int i = 0; i < 250; ++i)
    data.claims.push_back({std::to_string(i), " ", {}, {}});
  auto const done = run("validate", nullptr, tests::with_dataset(data));
  REQUIRE(done.error);
  CHECK(done.error->message.ends_with("; expected a text\nand 150 more"));
  for (auto const& told : {done.value.value(), tests::after(done).metrics.at("validate")}) {
    CHECK(told.at("fault_count") == 250);
    CHECK(told.at("faults").size() == 100);
    CHECK(told.at("valid") == false);
  }
}
