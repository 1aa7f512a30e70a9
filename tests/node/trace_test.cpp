#include "node/trace.hpp"

#include <doctest/doctest.h>

using namespace nsai;

namespace {

job_record job(std::uint64_t id, std::int64_t created, std::vector<attempt_record> attempts) {
  job_record r;
  r.id = {id};
  r.stage = "train";
  r.status = job_status::succeeded;
  r.created_at = {created};
  r.attempts = std::move(attempts);
  if (!r.attempts.empty())
    r.completed_at = r.attempts.back().started_at + r.attempts.back().duration_ms;
  return r;
}

attempt_record attempt(attempt_no number, std::string node, std::int64_t from, std::int64_t length,
                       attempt_result outcome = attempt_result::succeeded) {
  attempt_record a;
  a.number = number;
  a.node = std::move(node);
  a.started_at = {from};
  a.duration_ms = length;
  a.outcome = outcome;
  return a;
}

std::vector<json> of_phase(json const& trace, std::string const& phase) {
  std::vector<json> list;
  for (auto const& e : trace.at("traceEvents"))
    if (e.at("ph") == phase)
      list.push_back(e);
  return list;
}

}  // namespace

TEST_CASE(
    "trace: attempts lie on their node, waiting on the job's track, from the first creation on") {
  auto const trace = node::trace_of(
      {job(7, 1000, {attempt(1, "a", 1010, 5, attempt_result::failed), attempt(2, "b", 1100, 20)})},
      {5000});
  auto const bars = of_phase(trace, "X");
  REQUIRE(bars.size() == 2);
  CHECK(bars[0].at("ts") == 10'000);
  CHECK(bars[0].at("dur") == 5'000);
  CHECK(bars[0].at("args").at("outcome") == "failed");
  CHECK(bars[1].at("ts") == 100'000);
  CHECK(bars[0].at("pid") != bars[1].at("pid"));
  auto const spans = of_phase(trace, "b");
  REQUIRE(spans.size() == 3);  // the job, and waiting before each attempt
  CHECK(spans[0].at("name") == "job 7 train");
  CHECK(spans[1].at("ts") == 0);
  CHECK(spans[2].at("ts") == 15'000);
  CHECK(of_phase(trace, "e").at(0).at("ts") == 120'000);
}

TEST_CASE(
    "trace: what ran at once has lanes of its own, what followed shares one; devices have theirs") {
  auto on_gpu = attempt(1, "a", 0, 50);
  on_gpu.devices.resize(2);
  on_gpu.devices[0].model = on_gpu.devices[1].model = "A100";
  on_gpu.devices[1].index = 1;
  auto const trace =
      node::trace_of({job(1, 0, {attempt(1, "a", 0, 10)}), job(2, 0, {attempt(1, "a", 5, 10)}),
                      job(3, 0, {attempt(1, "a", 10, 10)}), job(4, 0, {on_gpu})},
                     {5000});
  std::map<std::uint64_t, std::vector<int>> threads;
  for (auto const& b : of_phase(trace, "X"))
    threads[b.at("args").at("job")].push_back(b.at("tid"));
  CHECK(threads[1] == threads[3]);
  CHECK(threads[1] != threads[2]);
  REQUIRE(threads[4].size() == 2);
  CHECK(threads[4][0] != threads[4][1]);
}

TEST_CASE("trace: what has not ended lasts until now") {
  auto running = job(1, 1000, {attempt(1, "a", 2000, 0, attempt_result::none)});
  running.status = job_status::running;
  running.completed_at = {};
  auto waiting = job(2, 1000, {});
  waiting.status = job_status::queued;
  waiting.wait_reason = "no node has it";
  auto const trace = node::trace_of({running, waiting}, {4000});
  CHECK(of_phase(trace, "X").at(0).at("dur") == 2'000'000);
  auto const last = of_phase(trace, "b").back();
  CHECK(last.at("name") == "waiting");
  CHECK(last.at("args").at("reason") == "no node has it");
  CHECK(of_phase(trace, "e").back().at("ts") == 3'000'000);
  CHECK(node::trace_of({}, {4000}).at("traceEvents").size() == 1);
}
