#include "stages/trials.hpp"

#include <chrono>

#include <doctest/doctest.h>

using namespace nsai;
using namespace nsai::stages;

namespace {

attempt_outcome run(std::unique_ptr<stage> s, json const& options, std::uint32_t attempt = 1,
                    std::stop_token stop = {}) {
  stage_env env;
  env.attempt = attempt;
  env.stop = std::move(stop);
  return run_stage(*s, json_text::of(options), {}, env);
}

}  // namespace

TEST_CASE("echo gives its text back, and the index of an array's child") {
  CHECK(run(make_echo(), {{"text", "hi"}}).value.value().at("text") == "hi");
  stage_env env;
  env.array_index = 7;
  CHECK(run_stage(*make_echo(), {}, {}, env).value.value().at("array_index") == 7);
}

TEST_CASE("fail fails as asked; flaky fails its first attempts only") {
  auto const failed = run(make_fail(), {{"message", "no"}, {"retryable", false}});
  CHECK(failed.result == attempt_result::failed);
  CHECK(failed.error->message == "no");
  CHECK_FALSE(failed.error->retryable);
  CHECK(run(make_flaky(), {{"failures", 2}}, 2).result == attempt_result::failed);
  CHECK(run(make_flaky(), {{"failures", 2}}, 3).result == attempt_result::succeeded);
}

TEST_CASE("sleep and spin end as canceled when they are stopped") {
  std::stop_source source;
  source.request_stop();
  CHECK(run(make_sleep(), {{"seconds", 1000}}, 1, source.get_token()).result ==
        attempt_result::canceled);
  CHECK(run(make_spin(), {{"seconds", 1000}}, 1, source.get_token()).result ==
        attempt_result::canceled);
}

TEST_CASE("a context of the wrong shape fails the attempt and is not retryable") {
  stage_env env;
  auto const outcome = run_stage(*make_echo(), {}, json_text{R"({"outptus": {}})"}, env);
  CHECK(outcome.result == attempt_result::failed);
  CHECK_FALSE(outcome.error->retryable);
}

TEST_CASE("contexts: members of the wrong kind are told by their path") {
  CHECK_NOTHROW(check_context(json::parse(R"({"metrics": {}, "artifacts": [{"path": "x"}]})")));
  for (auto const& [text, path] :
       {std::pair{R"({"outputs": []})", "context.outputs"},
        std::pair{R"({"assigns": null})", "context.assigns"},
        std::pair{R"({"artifacts": {}})", "context.artifacts"},
        std::pair{R"({"artifacts": [{}, "model.bin"]})", "context.artifacts[1]"},
        std::pair{R"({"completed_stages": [1]})", "context.completed_stages[0]"}}) {
    CAPTURE(text);
    try {
      check_context(json::parse(text));
      FAIL("accepted");
    } catch (shape_error const& e) {
      CHECK(e.path() == path);
    }
  }
}

TEST_CASE("registry: a name is taken once, and every built-in stage describes itself soundly") {
  auto all = built_in_stages();
  CHECK_THROWS_AS(all.add(make_echo()), std::invalid_argument);
  CHECK(all.find("echo") != nullptr);
  CHECK(all.find("echoo") == nullptr);
  for (auto const& description : all.descriptions())
    CHECK_FALSE(description.summary.empty());
}
