#include "messages/job.hpp"

#include <doctest/doctest.h>

#include "messages/api.hpp"
#include "messages/observe.hpp"

using namespace nsai;

TEST_CASE("submission: defaults of retries and timeout depend on the kind of job") {
  submission stage_job;
  stage_job.stage = "echo";
  REQUIRE_FALSE(complete_and_check(stage_job));
  CHECK(stage_job.constraints.max_retries == 3);
  CHECK(stage_job.constraints.timeout_ms == 3'600'000);
  submission command_job;
  command_job.stage = "command";
  REQUIRE_FALSE(complete_and_check(command_job));
  CHECK(command_job.kind == job_kind::backend_command);
  CHECK(command_job.constraints.max_retries == 0);
  CHECK(command_job.constraints.timeout_ms == 0);
  submission experiment;
  experiment.kind = job_kind::composite;
  experiment.pipeline.resize(2);
  experiment.pipeline[0].stage = "data_load";
  experiment.pipeline[1].stage = "training";
  REQUIRE_FALSE(complete_and_check(experiment));
  CHECK(experiment.pipeline[0].constraints.max_retries == 1);
  CHECK(experiment.pipeline[1].constraints.max_retries == 2);
}

TEST_CASE("submission: names and bounds are refused by their field") {
  submission s;
  CHECK(complete_and_check(s)->field == "stage");
  s.stage = "echo";
  s.tenant_id = "-x";
  CHECK(complete_and_check(s)->field == "tenant_id");
  s.tenant_id = "default";
  s.constraints.timeout_ms = -5;
  auto const fault = complete_and_check(s);
  CHECK(fault->field == "constraints.timeout_ms");
  CHECK(fault->message.find("-5") != std::string::npos);
}

TEST_CASE("array: counts and indices of a range with a step, and of a list") {
  array_spec const range{2, 9, 3, 0, {}};
  CHECK(count_of(range) == 3);
  CHECK(index_at(range, 2) == 8);
  array_spec const list{0, 0, 1, 0, {7, 4}};
  CHECK(count_of(list) == 2);
  CHECK(index_at(list, 1) == 4);
}

TEST_CASE("array: a range that overflows or holds too many children is refused") {
  submission s;
  s.stage = "echo";
  s.array = array_spec{0, INT64_MAX, 1, 0, {}};
  CHECK(complete_and_check(s)->field == "array");
  s.array = array_spec{5, 4, 1, 0, {}};
  CHECK(complete_and_check(s)->field == "array");
  s.array = array_spec{0, 3, 0, 0, {}};
  CHECK(complete_and_check(s)->field == "array.step");
}

TEST_CASE("records round-trip through JSON and CBOR") {
  job_record r;
  r.id = {42};
  r.name_space = "proposer";
  r.options = json_text::of({{"text", "hi"}});
  r.error = usage_error("options.text", "5", "a string");
  r.attempts.push_back(
      {1, "a", "w", {{0, "u", "A100", 10, 500, true}}, {5}, 7, attempt_result::lost, {}});
  r.resources.gpu_share = milli{500};
  json const document = r;
  CHECK(document["options"]["text"] == "hi");
  CHECK(json::parse(document.dump()).get<job_record>() == r);
  CHECK(json::from_cbor(json::to_cbor(document)).get<job_record>() == r);
}

TEST_CASE("constraints on backends are refused as unsupported, not ignored") {
  nsai::constraints c;
  c.excluded_backends = {"command"};
  auto const fault = nsai::check(c, "constraints");
  REQUIRE(fault);
  CHECK(fault->field == "constraints.excluded_backends");
  CHECK(fault->code == "unsupported");
}
