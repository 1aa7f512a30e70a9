#include "simulation/workload.hpp"

#include "tests/simulation/support.hpp"

using namespace nsai;
using namespace nsai::simulation;
using namespace nsai::simulation::tests;

namespace {

std::string first_fault(std::string const& text) {
  workload jobs;
  auto const faults = read_workload(text, "w.jsonl", jobs);
  return faults.empty() ? "" : faults[0].message;
}

}  // namespace

TEST_CASE(
    "workload: comments and empty lines are skipped, lines come by time, equal requests once") {
  auto const w = workload_of(
      "// a comment\n"
      "\n"
      "{\"submit_s\": 5, \"duration_s\": 1.5, \"tenant\": \"a\"} // late\r\n"
      "  /* and another */\n"
      "{\"duration_s\": 2, \"tenant\": \"a\", \"count\": 3}\n"
      "{\"submit_s\": 0.25, \"duration_s\": 2, \"resources\": {\"gpu\": \"A100\"}}");
  REQUIRE(w.jobs.size() == 3);
  CHECK(w.count() == 5);
  CHECK(w.requests.size() == 2);
  CHECK(w.jobs[0].count == 3);
  CHECK(w.jobs[1].submit_ms == 250);
  CHECK(w.jobs[2].submit_ms == 5000);
  CHECK(w.jobs[2].duration_ms == 1500);
  auto const& gpu = w.requests[w.jobs[1].request];
  CHECK(gpu.resources.gpu_count == 1);
  CHECK(gpu.constraints.timeout_ms == 0);
  CHECK(gpu.constraints.max_retries == 0);
}

TEST_CASE("workload: what is wrong is named by file, line and field or column") {
  struct wrong {
    char const* text;
    char const* message;
  };
  for (auto const& [text, message] : std::vector<wrong>{
           {"", "w.jsonl: there are no jobs in it"},
           {"// nothing\n", "w.jsonl: there are no jobs in it"},
           {"{\"duration_s\": 1}\n{\"duration_s\": 1,}", "w.jsonl:2:18: this is not JSON here"},
           {"{\"duration_s\": 1", "w.jsonl:1:17: the line ends too early"},
           {"[1]", "w.jsonl:1: job: the array [1] is not allowed; expected an object"},
           {"{\"submit_s\": 1}", "w.jsonl:1: duration_s: nothing was given"},
           {"{\"duration_s\": -1}", "w.jsonl:1: duration_s: -1 is not allowed"},
           {"{\"duration_s\": \"1h\"}", "w.jsonl:1: duration_s: the string \"1h\""},
           {"{\"duration_s\": 1, \"submit_s\": -0.5}", "w.jsonl:1: submit_s: -0.5 is not allowed"},
           {"{\"duration_s\": 1, \"submit_s\": 1e300}", "w.jsonl:1: submit_s: "},
           {"{\"duration_s\": 1e999}", "w.jsonl:1:1: a number is too large"},
           {"{\"duration_s\": 1, \"count\": 0}", "w.jsonl:1: count: 0 is not allowed"},
           {"{\"duration_s\": 1, \"count\": 1.5}", "w.jsonl:1: count: the number 1.5"},
           {"{\"duration_s\": 1, \"durations\": 2}",
            "w.jsonl:1: durations: this field is not known; expected duration_s (did you mean"},
           {"{\"duration_s\": 1, \"tenant\": \"a b\"}", "w.jsonl:1: tenant: \"a b\" is not"},
           {"{\"duration_s\": 1, \"priority\": \"urgent\"}", "w.jsonl:1: priority: "},
           {"{\"duration_s\": 1, \"resources\": {\"gpus\": 1}}", "w.jsonl:1: resources.gpus: "},
           {"{\"duration_s\": 1, \"resources\": {\"cpu\": -1}}",
            "w.jsonl:1: resources.cpu: -1 is not allowed"},
           {"{\"duration_s\": 1, \"constraints\": {\"timeout_ms\": -5}}",
            "w.jsonl:1: constraints.timeout_ms: -5 is not allowed"},
           {"{\"duration_s\": 1, \"constraints\": {\"after_any\": [1]}}",
            "w.jsonl:1: constraints.after_any: this is not supported in a workload"},
           {"{\"duration_s\": 1, \"constraints\": {\"depends_on\": [1]}}",
            "w.jsonl:1: constraints.depends_on: this is not supported in a workload"}}) {
    std::string const given = text;
    CAPTURE(given);
    auto const fault = first_fault(text);
    CAPTURE(fault);
    CHECK(fault.find(message) == 0);
  }
}

TEST_CASE("workload: faults are told together, no more than twenty") {
  workload jobs;
  std::string text;
  for (int i = 0; i < 50; ++i)
    text += "{\"duration_s\": -1}\n";
  CHECK(read_workload(text, "w", jobs).size() == 20);
  CHECK(read_workload("{\"duration_s\": 1}\n{\"x\": 1}\n{\"y\": 1}\n", "w", jobs).size() == 2);
  std::string const deep(100'000, '[');
  CHECK(read_workload(deep, "w", jobs).size() == 1);
}
