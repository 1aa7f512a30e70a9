#include "stages/work_job.hpp"

#include <doctest/doctest.h>

#include "stages/experiment.hpp"
#include "stages/resume.hpp"
#include "stages/trials.hpp"

using namespace nsai;
using namespace nsai::stages;

namespace {

read_experiment read(char const* text) {
  std::vector<stage_description> const known{make_echo()->describe(), make_sleep()->describe(),
                                             make_await_jobs()->describe()};
  return experiment_from(parse_document(text, "x.json"), "/base", known);
}

std::vector<std::string> fields(read_experiment const& e) {
  std::vector<std::string> all;
  for (auto const& fault : e.faults)
    all.push_back(fault.field.value_or(""));
  return all;
}

using positions = std::vector<std::uint32_t>;

job_record record_of(submission const& s, std::size_t step, std::uint64_t id, job_status status) {
  job_record r;
  r.id = {id};
  r.parent_id = job_id{7};
  r.name = s.pipeline[step].name;
  r.stage = s.pipeline[step].stage;
  r.options = s.pipeline[step].options;
  r.status = status;
  return r;
}

job_record run_of(submission const& s, job_status status) {
  job_record r;
  r.id = {7};
  r.kind = job_kind::composite;
  r.status = status;
  r.context = s.context;
  return r;
}

}  // namespace

TEST_CASE("modules: the last part of an Elixir name is a stage's, names of stages stay") {
  CHECK(stage_of_module("CnsCrucible.Stages.ProposerMetrics") == "proposer_metrics");
  CHECK(stage_of_module("Crucible.Stage.DataLoad") == "data_load");
  CHECK(stage_of_module("Bench") == "bench");
  CHECK(stage_of_module("proposer_metrics") == "proposer_metrics");
  CHECK(stage_of_module("my.stage") == "my.stage");
}

TEST_CASE("work_job: the stage that it delegates is submitted, with what the options give") {
  auto const e = read(R"({"pipeline": [{"name": "a", "stage": "echo"},
    {"name": "heavy", "stage": "work_job", "resources": {"cpu": 2}, "options": {
      "stage_module": "Trials.Sleep", "stage_opts": {"seconds": 3}, "priority": "interactive",
      "resources": {"gpu": "A100", "memory_mb": 16384}, "timeout_ms": 1800000,
      "constraints": {"retry_backoff_ms": 5000}, "max_retries": 3}},
    {"name": "b", "stage": "echo"}]})");
  REQUIRE(e.faults.empty());
  auto const& step = e.request.pipeline.at(1);
  CHECK(step.stage == "sleep");
  CHECK(step.options.value().at("seconds") == 3);
  CHECK(step.priority == priority::interactive);
  CHECK(step.resources.gpu == "A100");
  CHECK(step.resources.gpu_count == 1);
  CHECK(step.resources.cpu == milli{2000});
  CHECK(step.resources.memory_mb == 16384);
  CHECK(step.constraints.timeout_ms == 1'800'000);
  CHECK(step.constraints.retry_backoff_ms == 5000);
  CHECK(step.constraints.max_retries == 3);
  CHECK(e.request.pipeline.at(2).after == positions{1});
}

TEST_CASE("work_job: async ones are not waited for by what follows, but by await_jobs") {
  auto const e = read(R"({"pipeline": [{"name": "a", "stage": "echo"},
    {"name": "x", "stage": "work_job", "options": {"stage_module": "echo", "async": true}},
    {"name": "y", "stage": "work_job", "options": {"stage_module": "echo", "async": true}},
    {"name": "b", "stage": "echo"},
    {"name": "first", "stage": "await_jobs", "options": {"jobs": ["y"]}},
    {"name": "rest", "stage": "await_jobs"},
    {"name": "c", "stage": "echo"}]})");
  REQUIRE(fields(e).empty());
  auto const& p = e.request.pipeline;
  CHECK(p[1].after == positions{0});
  CHECK(p[2].after == positions{0});
  CHECK(p[3].after == positions{0});
  CHECK(p[4].after == positions{2, 3});
  CHECK(p[5].after == positions{1, 4});
  CHECK(p[6].after == positions{5});
}

TEST_CASE("work_job: faults of what is delegated are told with their places in the file") {
  CHECK(fields(read(R"({"pipeline": [
    {"name": "a", "stage": "work_job", "options": {"stage_module": "Echoo", "priority": "high"}},
    {"name": "b", "stage": "work_job", "options": {"stage_module": "echo", "stage_opts": {"txet": 1, "tex": 2}}},
    {"name": "c", "stage": "work_job", "options": {"stage_module": "Echoo"}},
    {"name": "d", "stage": "work_job", "options": {"stage_module": "echo", "resources": {"cpus": 1}}},
    {"name": "e", "stage": "await_jobs", "options": {"jobs": ["a"]}},
    {"name": "f", "stage": "work_job"}]})")) ==
        std::vector<std::string>{
            "pipeline[0].options.priority", "pipeline[1].options.stage_opts.tex",
            "pipeline[1].options.stage_opts.txet", "pipeline[2].options.stage_module",
            "pipeline[3].options.resources.cpus", "pipeline[5].options.stage_module"});
  CHECK(fields(read(R"({"pipeline": [{"name": "a", "stage": "echo"},
    {"name": "e", "stage": "await_jobs", "options": {"jobs": ["a"]}},
    {"name": "f", "stage": "await_jobs"}]})")) ==
        std::vector<std::string>{"pipeline[1].options.jobs", "pipeline[2].options.jobs"});
}

TEST_CASE("work_job: one may delegate another, whose values count") {
  delegation d{"work_job",
               json::parse(R"({"stage_module": "work_job", "priority": "offline", "max_retries": 1,
                 "stage_opts": {"stage_module": "echo", "max_retries": 2, "stage_opts": {"text": "hi"}}})"),
               {},
               {},
               std::nullopt};
  CHECK(delegate(d, "").empty());
  CHECK(d.stage == "echo");
  CHECK(d.options == json{{"text", "hi"}});
  CHECK(d.priority == priority::offline);
  CHECK(d.constraints.max_retries == 2);
  CHECK(d.options_field == "options.stage_opts.stage_opts");
}

TEST_CASE("resume: what has succeeded and comes after nothing that runs anew is taken over") {
  auto e = read(R"({"dataset": "sample", "pipeline": [{"name": "a", "stage": "echo"},
    {"name": "b", "stage": "echo", "options": {"text": "new"}}, {"name": "c", "stage": "echo"},
    {"name": "d", "stage": "echo", "depends_on": ["a"]}]})");
  auto const& s = e.request;
  auto changed = record_of(s, 1, 9, job_status::succeeded);
  changed.options = json_text::of({{"text", "old"}});
  std::vector<job_record> const stages{record_of(s, 0, 8, job_status::succeeded), changed,
                                       record_of(s, 2, 10, job_status::succeeded),
                                       record_of(s, 3, 11, job_status::succeeded)};
  auto const names = resume(e.request, run_of(s, job_status::failed), stages);
  CHECK(std::get<std::vector<std::string>>(names) == std::vector<std::string>{"a", "d"});
  CHECK(s.pipeline[0].reuse == job_id{8});
  CHECK_FALSE(s.pipeline[1].reuse);
  CHECK_FALSE(s.pipeline[2].reuse);
  CHECK(s.pipeline[3].reuse == job_id{11});
  CHECK(s.retry_of == job_id{7});
}

TEST_CASE("resume: runs that live, have succeeded or had other data are refused with the reason") {
  auto e = read(R"({"dataset": "sample", "pipeline": [{"name": "a", "stage": "echo"}]})");
  auto const refused = [&](job_record const& run, std::vector<job_record> const& stages) {
    return std::get<error_info>(resume(e.request, run, stages)).message;
  };
  CHECK(refused(run_of(e.request, job_status::running), {}).find("is running") !=
        std::string::npos);
  CHECK(refused(run_of(e.request, job_status::succeeded), {}).find("has succeeded") !=
        std::string::npos);
  CHECK(refused(run_of(e.request, job_status::failed),
                {record_of(e.request, 0, 8, job_status::succeeded)})
            .find("left to run") != std::string::npos);
  auto other = run_of(e.request, job_status::failed);
  other.context = json_text::of({{"experiment", {{"dataset", "mine"}}}});
  CHECK(refused(other, {}).find("experiment.dataset: it is \"sample\" and was \"mine\"") !=
        std::string::npos);
}

TEST_CASE("resume: a stage whose predecessor was left out runs anew") {
  auto const* text = R"({"pipeline": [{"name": "a", "stage": "echo"},
    {"name": "b", "stage": "echo", "enabled": ON}, {"name": "c", "stage": "echo"},
    {"name": "d", "stage": "echo"}]})";
  auto const with = [&](char const* on) {
    std::string whole = text;
    whole.replace(whole.find("ON"), 2, on);
    return read(whole.c_str()).request;
  };
  auto const before = with("true");
  std::vector<job_record> stages;
  for (std::size_t i = 0; i < 3; ++i)
    stages.push_back(record_of(before, i, 8 + i, job_status::succeeded));
  auto now = with("false");
  CHECK(std::get<std::vector<std::string>>(resume(now, run_of(before, job_status::failed),
                                                  stages)) == std::vector<std::string>{"a"});
}

TEST_CASE("work_job: an await_jobs that is delegated waits as one that is not") {
  auto const e = read(R"({"pipeline": [
    {"name": "x", "stage": "work_job", "options": {"stage_module": "echo", "async": true}},
    {"name": "y", "stage": "echo"},
    {"name": "gather", "stage": "work_job", "options": {"stage_module": "await_jobs"}}]})");
  REQUIRE(fields(e).empty());
  CHECK(e.request.pipeline[2].after == positions{0, 1});
}
