#include "stages/experiment_builder.hpp"

#include <doctest/doctest.h>

#include "stages/experiment.hpp"
#include "stages/proposer_metrics.hpp"
#include "stages/trials.hpp"
#include "stages/work_job.hpp"

using namespace nsai;
using namespace nsai::stages;

namespace {

read_experiment read_built(experiment_builder const& b) {
  std::vector<stage_description> const known{make_echo()->describe(), make_sleep()->describe(),
                                             make_proposer_metrics()->describe(),
                                             make_await_jobs()->describe()};
  return experiment_from(b.document(), "/base", known);
}

}  // namespace

TEST_CASE("builder: it writes the document that a person would write into a file") {
  auto const built =
      experiment_builder{}
          .id("exp_001")
          .name("proposer_with_work")
          .type("proposer")
          .backend("tinkex")
          .dataset({{"claims", "claims.jsonl"}, {"limit", 10}})
          .metadata({{"asked_by", "me"}})
          .priority(priority::offline)
          .stage("load", "echo", {{"text", "x"}},
                 {.resources = {{"cpu", 2}}, .constraints = {{"max_retries", 3}}})
          .work_job("heavy", "CnsCrucible.Stages.ProposerMetrics",
                    {.stage_opts = {{"batch_size", 32}},
                     .priority = priority::batch,
                     .resources = {{"gpu", "A100"}, {"memory_mb", 16384}},
                     .timeout_ms = 1'800'000,
                     .async = true})
          .await_jobs({"heavy"}, "wait")
          .stage("end", "echo", {}, {.priority = priority::realtime, .depends_on = {{"wait"}}})
          .document();
  CHECK(built == parse_document(R"({
    "id": "exp_001", "name": "proposer_with_work", "type": "proposer", "backend": {"id": "tinkex"},
    "dataset": {"claims": "claims.jsonl", "limit": 10}, "metadata": {"asked_by": "me"},
    "priority": "offline",
    "pipeline": [
      {"name": "load", "stage": "echo", "options": {"text": "x"}, "resources": {"cpu": 2},
       "constraints": {"max_retries": 3}},
      {"name": "heavy", "stage": "work_job", "options": {
        "stage_module": "CnsCrucible.Stages.ProposerMetrics", "stage_opts": {"batch_size": 32},
        "priority": "batch", "resources": {"gpu": "A100", "memory_mb": 16384},
        "timeout_ms": 1800000, "async": true}},
      {"name": "wait", "stage": "await_jobs", "options": {"jobs": ["heavy"]}},
      {"name": "end", "stage": "echo", "priority": "realtime", "depends_on": ["wait"]}]})",
                                "x.json"));
}

TEST_CASE("builder: what it built is submitted as a file's experiment is") {
  auto const read = read_built(experiment_builder{}
                                   .name("n")
                                   .type("proposer")
                                   .dataset("sample")
                                   .stage("load", "echo")
                                   .work_job("heavy", "ProposerMetrics",
                                             {.resources = {{"gpu", "A100"}},
                                              .constraints = {{"retry_backoff_ms", 5000}},
                                              .max_retries = 2})
                                   .stage("end", "echo"));
  REQUIRE(read.faults.empty());
  auto const& s = read.request;
  CHECK(s.tenant_id == "cns_crucible");
  CHECK(s.name_space == "proposer");
  CHECK(s.context.value().at("experiment").at("dataset") == "sample");
  REQUIRE(s.pipeline.size() == 3);
  CHECK(s.pipeline[1].stage == "proposer_metrics");
  CHECK(s.pipeline[1].resources.gpu == "A100");
  CHECK(s.pipeline[1].constraints.max_retries == 2);
  CHECK(s.pipeline[1].constraints.retry_backoff_ms == 5000);
  CHECK(s.pipeline[2].after == std::vector<std::uint32_t>{1});
}

TEST_CASE("builder: faults are those of a file, all of them, with their paths") {
  auto const read =
      read_built(experiment_builder{}
                     .stage("a", "echoo")
                     .stage("b", "echo", {{"txet", 1}}, {.resources = {{"cpus", 1}}})
                     .work_job("c", "sleep", {.stage_opts = {{"second", 1}}, .timeout_ms = -5})
                     .stage("d", "sleep", {}, {.depends_on = {{"nobody"}}}));
  std::vector<std::string> fields;
  for (auto const& fault : read.faults)
    fields.push_back(fault.field.value_or(""));
  CHECK(fields == std::vector<std::string>{"pipeline[0].stage", "pipeline[1].resources.cpus",
                                           "pipeline[1].options.txet",
                                           "pipeline[2].options.timeout_ms"});
  auto const empty = read_built(experiment_builder{}.name("n"));
  REQUIRE(empty.faults.size() == 1);
  CHECK(empty.faults[0].field == "pipeline");
}
