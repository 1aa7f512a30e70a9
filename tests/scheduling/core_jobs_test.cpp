// Single jobs: submission, times, retries, cancel.
#include "tests/scheduling/fixture.hpp"

using namespace nsai;
using namespace nsai::scheduling;
using namespace nsai::scheduling::tests;

namespace {

struct with_node : fixture {
  explicit with_node(std::int64_t cores = 1) { join(node("n", cores)); }
};

submission with_retries(std::int32_t n) {
  auto s = fixture::job();
  s.constraints.max_retries = n;
  return s;
}

}  // namespace

TEST_CASE("submission: a job that fits runs at once, inserted as queued and granted in one go") {
  with_node f;
  auto const id = f.submitted(f.job());
  CHECK(id == job_id{1});
  CHECK(f.only<job_created>().status == job_status::queued);
  auto const g = f.only<attempt_granted>();
  CHECK(g.ref == attempt_ref{id, 1});
  CHECK(*g.node_name == "n");
  CHECK(g.session == f.session("n"));
  CHECK(f.seen<job_changed>().empty());
  CHECK(f.core_.is_current({id, 1}));
  CHECK_FALSE(f.core_.is_current({id, 2}));
}

TEST_CASE("submission: numbers go on after the last one that was ever used") {
  core_settings settings;
  settings.last_used = {41};
  fixture f{settings};
  CHECK(f.submitted(f.job()) == job_id{42});
}

TEST_CASE("submission: an unknown stage is refused with the nearest name") {
  with_node f;
  auto const refused = f.submit(f.job("ecko"));
  REQUIRE(refused.error);
  CHECK(refused.error->category == "usage");
  CHECK(refused.error->code == "unknown_stage");
  CHECK(refused.error->field == "stage");
  CHECK(refused.error->message == "stage: no stage is called \"ecko\"; expected \"echo\"");
  CHECK(f.seen<job_created>().empty());
  CHECK(f.submit(f.job("quite else")).error->message ==
        "stage: no stage is called \"quite else\"; expected one of brief, echo, fail, sleep");
  submission s;
  s.pipeline.resize(2);
  s.pipeline[0].stage = "echo";
  s.pipeline[1].stage = "slep";
  CHECK(f.submit(s).error->field == "pipeline[1].stage");
  CHECK(f.submitted(f.job()) == job_id{1});  // refusals use up no number
}

TEST_CASE(
    "submission: before any node has come the scheduler's own stages are known, or any if it has "
    "none") {
  core_settings settings;
  settings.known_stages.resize(1);
  settings.known_stages[0].name = "echo";
  fixture own{settings};
  CHECK_FALSE(own.submit(own.job("echo")).error);
  CHECK(own.submit(own.job("sleep")).error);
  CHECK(own.reason({1}) == "no node is there");
  fixture bare;
  CHECK_FALSE(bare.submit(bare.job("whatever")).error);
}

TEST_CASE("submission: a key gives the same job as long as it lives") {
  with_node f;
  auto s = f.job();
  s.key = "k";
  auto const first = f.submit(s);
  auto const again = f.submit(s);
  CHECK(again == first);
  CHECK(f.effects_.empty());
  CHECK(f.core_.find_key("default", "k") == first);
  CHECK_FALSE(f.core_.find_key("other", "k"));
  s.tenant_id = "other";
  CHECK(f.submitted(s) != first.id);
  f.end(first.id);
  CHECK_FALSE(f.core_.find_key("default", "k"));
  s.tenant_id = "default";
  CHECK(f.submitted(s) != first.id);
}

TEST_CASE("submission: an array's key gives parent and children") {
  with_node f;
  auto s = f.job();
  s.key = "k";
  s.array.emplace();
  s.array->last = 4;
  auto const first = f.submit(s);
  CHECK(first.first_child == job_id{first.id.value + 1});
  CHECK(first.children == 5);
  CHECK(f.core_.find_key("default", "k") == first);
  CHECK(f.submit(s) == first);
}

TEST_CASE("outcome: success ends the job with the outcome's result") {
  with_node f;
  auto const id = f.submitted(f.job());
  f.end(id, attempt_result::succeeded, 17);
  auto const over = f.only<job_ended>();
  CHECK(over.status == job_status::succeeded);
  CHECK(over.from_outcome);
  CHECK(over.attempt == 1);
  CHECK(over.duration_ms == 17);
  CHECK(f.only<outcome_settled>().accepted);
  CHECK_FALSE(f.core_.knows(id));
  CHECK(f.seen<attempt_closed>().empty());
}

TEST_CASE("outcome: a late one, a repeat and one from elsewhere are refused and counted") {
  with_node f;
  auto const id = f.submitted(with_retries(3));
  auto const outcome = f.outcome_of({id, 1}, attempt_result::failed);
  f.join(f.node("other", 1));
  f.end_as("other", outcome);
  CHECK_FALSE(f.only<outcome_settled>().accepted);
  f.end_as("n", outcome);
  CHECK(f.only<outcome_settled>().accepted);
  f.end_as("n", outcome);
  CHECK_FALSE(f.only<outcome_settled>().accepted);
  f.decide(id, true);
  CHECK(f.granted(id).ref.attempt == 2);
  f.end_as("n", outcome);
  CHECK_FALSE(f.only<outcome_settled>().accepted);
  CHECK(f.described().refused_outcomes == 3);
  CHECK(f.runs(id));
}

TEST_CASE("retries: max_retries + 1 own attempts, not one more and not one fewer") {
  for (std::int32_t retries = 0; retries < 5; ++retries) {
    with_node f;
    auto const id = f.submitted(with_retries(retries));
    for (std::int32_t k = 1; k <= retries; ++k) {
      f.end(id, attempt_result::failed);
      CHECK(f.only<attempt_closed>().ref.attempt == static_cast<attempt_no>(k));
      CHECK(f.only<job_changed>().own_failures == k);
      CHECK(f.status(id) == job_status::pending);
      CHECK(f.reason(id) == "waiting for the supervisor of default to decide about a retry");
      f.decide(id, true);
      CHECK(f.runs(id));
    }
    f.end(id, attempt_result::failed);
    CHECK(f.only<job_ended>().status == job_status::failed);
    CHECK(f.only<job_ended>().attempt == static_cast<attempt_no>(retries + 1));
    CHECK(f.only<job_ended>().error->code == "exit_status");
    CHECK(f.seen<consult_supervisor>().empty());
    CHECK(f.seen<attempt_closed>().empty());
  }
}

TEST_CASE("retries: the supervisor hears all it needs, and is asked again after its restart") {
  with_node f;
  auto s = with_retries(3);
  s.tenant_id = "t";
  auto const id = f.submitted(s);
  f.end(id, attempt_result::failed);
  auto const question = f.only<consult_supervisor>();
  CHECK(question.tenant_id == "t");
  CHECK(question.stage == "echo");
  CHECK(question.own_failures == 1);
  CHECK(question.constraints->max_retries == 3);
  CHECK(question.error->message == "it broke");
  f.apply(supervisor_restarted{"other"});
  CHECK(f.seen<consult_supervisor>().empty());
  f.apply(supervisor_restarted{"t"});
  CHECK(f.only<consult_supervisor>().ref == question.ref);
}

TEST_CASE("retries: the backoff ends on its millisecond") {
  with_node f;
  auto const id = f.submitted(with_retries(3));
  f.end(id, attempt_result::failed);
  f.decide(id, true, 700);
  CHECK(f.only<job_changed>().eligible_at == f.now_ + 700);
  CHECK(f.reason(id) == "backing off until " + to_rfc3339(f.now_ + 700));
  f.advance(699);
  CHECK(f.status(id) == job_status::pending);
  f.advance(1);
  CHECK(f.runs(id));
  CHECK(f.granted(id).ref.attempt == 2);
}

TEST_CASE("retries: the supervisor gives up; a repeated or late decision changes nothing") {
  with_node f;
  auto const id = f.submitted(with_retries(3));
  f.end(id, attempt_result::failed);
  f.apply(supervisor_decided{{id, 7}, false, 0});
  CHECK(f.status(id) == job_status::pending);
  f.decide(id, false);
  CHECK(f.only<job_ended>().status == job_status::failed);
  CHECK(f.only<job_ended>().error->code == "exit_status");
  f.decide(id, true);
  CHECK(f.effects_.empty());
}

TEST_CASE("retries: a job whose last attempt timed out ends as timeout") {
  with_node f;
  auto const id = f.submitted(with_retries(1));
  f.end(id, attempt_result::timed_out);
  f.decide(id, true);
  f.end(id, attempt_result::timed_out);
  CHECK(f.only<job_ended>().status == job_status::timeout);
  CHECK(f.only<job_ended>().error->code == "timeout");
}

TEST_CASE("infrastructure: failures are counted apart and wait one second") {
  with_node f;
  auto s = with_retries(0);
  s.constraints.max_infra_retries = 2;
  auto const id = f.submitted(s);
  for (int k = 1; k <= 2; ++k) {
    f.end(id, attempt_result::device_fault);
    CHECK(f.only<attempt_closed>().result == attempt_result::device_fault);
    f.advance(999);
    CHECK(f.status(id) == job_status::pending);
    f.advance(1);
    CHECK(f.runs(id));
  }
  f.end(id, attempt_result::device_fault);
  CHECK(f.only<job_ended>().error->code == "too_many_infra_failures");
  CHECK(f.only<job_ended>().error->category == "infra");
}

TEST_CASE("infrastructure: what a node hands back is queued again at once, before others") {
  with_node f;
  auto const id = f.submitted(f.job());
  auto const next = f.submitted(f.job());
  f.end(id, attempt_result::returned);
  CHECK(f.runs(id));
  CHECK(f.granted(id).ref.attempt == 2);
  CHECK_FALSE(f.runs(next));
}

TEST_CASE("cancel: what waits ends at once, what runs ends with its outcome") {
  with_node f;
  auto const runs = f.submitted(f.job());
  auto const waits = f.submitted(f.job());
  f.cancel(waits);
  CHECK(f.only<job_ended>().status == job_status::canceled);
  f.cancel(runs);
  CHECK(f.only<attempt_stopped>().ref == attempt_ref{runs, 1});
  CHECK(f.only<job_changed>().cancel_requested);
  CHECK(f.runs(runs));
  f.cancel(runs);
  CHECK_FALSE(f.core_.last_answer().error);
  CHECK(f.effects_.empty());
  auto const blocked = f.submitted(f.job());
  CHECK_FALSE(f.runs(blocked));  // the devices are free only when the processes are gone
  f.end(runs, attempt_result::canceled);
  CHECK(f.status(runs) == job_status::canceled);
  CHECK(f.runs(blocked));
  f.cancel(runs);
  CHECK(f.core_.last_answer().error->category == "not_found");
}

TEST_CASE("cancel: a success that comes before it took effect wins, a failure does not") {
  with_node f{2};
  auto const first = f.submitted(f.job());
  auto const second = f.submitted(f.job());
  f.cancel(first);
  f.cancel(second);
  f.end(first);
  f.end(second, attempt_result::failed);
  CHECK(f.status(first) == job_status::succeeded);
  CHECK(f.status(second) == job_status::canceled);
}

TEST_CASE("cancel: ends a job that backs off, and one the supervisor decides about") {
  with_node f{2};
  auto const first = f.submitted(f.job());
  auto const second = f.submitted(f.job());
  f.end(first, attempt_result::failed);
  f.end(second, attempt_result::failed);
  f.decide(first, true, 5000);
  f.cancel(first);
  f.cancel(second);
  CHECK(f.status(first) == job_status::canceled);
  CHECK(f.status(second) == job_status::canceled);
  f.decide(second, true);
  f.advance(6000);
  CHECK(f.described().live_jobs == 0);
}

TEST_CASE(
    "deadline: what waits ends on the millisecond, what runs is stopped and ends as timeout") {
  with_node f;
  auto s = f.job();
  s.constraints.deadline = f.now_ + 500;
  auto const runs = f.submitted(s);
  auto const waits = f.submitted(s);
  f.advance(499);
  CHECK(f.status(waits) == job_status::queued);
  f.advance(1);
  CHECK(f.status(waits) == job_status::timeout);
  CHECK(f.ended(waits).error->code == "deadline");
  CHECK(f.only<attempt_stopped>().ref.job == runs);
  CHECK(f.runs(runs));
  f.end(runs, attempt_result::canceled);
  CHECK(f.status(runs) == job_status::timeout);
  CHECK(f.ended(runs).error->code == "deadline");
}

TEST_CASE("deadline: one in the past ends the job at its submission") {
  with_node f;
  auto s = f.job();
  s.constraints.deadline = f.now_;
  auto const id = f.submitted(s);
  CHECK(f.status(id) == job_status::timeout);
  CHECK(f.grants_.empty());
}

TEST_CASE("not_before: the job waits until its millisecond") {
  with_node f;
  auto s = f.job();
  s.constraints.not_before = f.now_ + 1500;
  auto const id = f.submitted(s);
  CHECK(f.reason(id) == "not before " + to_rfc3339(f.now_ + 1500));
  f.advance(1499);
  CHECK(f.status(id) == job_status::pending);
  f.advance(1);
  CHECK(f.runs(id));
}

TEST_CASE("dependencies: a job waits for the success of all of them") {
  with_node f{4};
  auto const a = f.submitted(f.job());
  auto const b = f.submitted(f.job());
  auto s = f.job();
  s.constraints.depends_on = {a, b, a};
  auto const c = f.submitted(s);
  CHECK(f.reason(c) == "waiting for job 1");
  f.end(a);
  CHECK(f.reason(c) == "waiting for job 2");
  f.end(b);
  CHECK(f.runs(c));
}

TEST_CASE("dependencies: a failure fails all that wait for it, however long the chain") {
  with_node f;
  auto const first = f.submitted(with_retries(0));
  auto last = first;
  for (int i = 0; i < 3000; ++i) {
    auto s = f.job();
    s.constraints.depends_on = {last};
    submission completed = s;
    REQUIRE_FALSE(complete_and_check(completed));
    effects ignored;
    f.core_.apply(job_submitted{&completed, {}, 0, {}}, f.now_, ignored);
    last = f.core_.last_answer().id;
  }
  f.end(first, attempt_result::failed);
  CHECK(f.seen<job_ended>().size() == 3001);
  CHECK(f.ended(last).status == job_status::failed);
  CHECK(f.ended(last).error->code == "dependency_failed");
  CHECK(f.ended(last).error->message == "job 3000, on which this one depends, ended as failed");
  CHECK(f.described().live_jobs == 0);
}

TEST_CASE("dependencies: those that have ended count by how they ended, unknown ones are refused") {
  with_node f;
  auto s = f.job();
  s.constraints.depends_on = {{500}};
  auto const unknown = f.submit(s);
  CHECK(unknown.error->field == "constraints.depends_on");
  CHECK(
      unknown.error->message ==
      "constraints.depends_on: job 500 is not known; expected the number of a job of this tenant");
  CHECK(f.runs(f.submit(s, {{{500}, job_status::succeeded}}).id));
  auto const failed = f.submit(s, {{{500}, job_status::canceled}});
  CHECK_FALSE(failed.error);
  CHECK(f.ended(failed.id).error->message ==
        "job 500, on which this one depends, ended as canceled");
}

TEST_CASE("dependencies: another tenant's job is unknown, also when it has ended (P8)") {
  with_node f;
  auto s = f.job();
  s.tenant_id = "a";
  auto const theirs = f.submitted(s);
  s.tenant_id = "b";
  s.constraints.depends_on = {theirs};
  CHECK(f.submit(s).error->code == "invalid");
  f.end(theirs);
  CHECK(f.submit(s, {{theirs, job_status::succeeded, "a"}}).error->code == "invalid");
}

TEST_CASE(
    "priority: strict between levels, and a level that has waited ten minutes gets every twentieth "
    "grant") {
  with_node f;
  auto s = f.job();
  auto running = f.submitted(s);
  s.priority = priority::offline;
  auto const offline = f.submitted(s);
  s.priority = priority::interactive;
  for (int i = 0; i < 60; ++i)
    f.submitted(s);
  f.advance(10 * 60 * 1000 - 1);
  for (int i = 0; i < 25; ++i) {
    f.end(f.order_.back());
    CHECK(f.order_.back() != offline);
  }
  f.advance(1);
  int grants = 0;
  while (f.order_.back() != offline && grants < 60) {
    f.end(f.order_.back());
    ++grants;
  }
  CHECK(grants <= 20);
  CHECK(f.runs(offline));
  static_cast<void>(running);
}

TEST_CASE("priority: an urgent job of a tenant above its share ages as batch does") {
  for (auto const level : {priority::realtime, priority::interactive}) {
    CAPTURE(to_string(level));
    core_settings settings;
    settings.tenants["*"].max_priority = priority::realtime;
    fixture f{settings};
    f.join(f.node("n", 2));
    auto s = f.job();
    s.resources.cpu.value = 1000;
    s.priority = level;
    s.tenant_id = "above";
    f.submitted(s);  // holds its half for ever
    s.tenant_id = "below";
    for (int i = 0; i < 60; ++i)
      f.submitted(s);
    s.tenant_id = "above";
    auto const waits = f.submitted(s);
    f.advance(10 * minute_ms);
    int grants = 0;
    for (; !f.runs(waits) && grants < 50; ++grants)
      f.end(f.order_.back());
    CHECK(grants >= 15);  // the level is strict but for the twentieth
    CHECK(grants <= 20);
  }
}

TEST_CASE("fairness: tenants take turns whatever they have queued") {
  with_node f;
  auto s = f.job();
  s.tenant_id = "busy";
  f.submitted(s);
  for (int i = 0; i < 10; ++i)
    f.submitted(s);
  s.tenant_id = "small";
  auto const first = f.submitted(s);
  auto const second = f.submitted(s);
  f.end(f.order_.back());
  f.end(f.order_.back());
  CHECK(f.runs(first));
  f.end(f.order_.back());
  f.end(f.order_.back());
  CHECK(f.runs(second));
}

TEST_CASE(
    "shapes: what fits runs although another shape blocks, and waiting costs nothing until a node "
    "gains room") {
  with_node f{4};
  auto wide = f.job();
  wide.resources.cpu.value = 4000;
  auto const first = f.submitted(wide);
  auto const second = f.submitted(wide);
  auto const narrow = f.submitted(f.job());
  CHECK(f.runs(first));
  CHECK(f.reason(second) == "all fitting nodes are busy: needs cpu 4; node n has cpu 0 free");
  CHECK_FALSE(f.runs(narrow));
  f.end(first);
  CHECK(f.runs(second));
  f.end(second);
  CHECK(f.runs(narrow));
}

TEST_CASE("facts: what an attempt is started with") {
  with_node f;
  auto s = f.job();
  s.array.emplace();
  s.array->first = 10;
  s.array->last = 30;
  s.array->step = 10;
  auto const r = f.submit(s);
  auto const facts = f.core_.facts({r.first_child.value + 1});
  CHECK(facts.stage == "echo");
  CHECK(facts.tenant_id == "default");
  CHECK(facts.parent == r.id);
  CHECK(facts.in_array);
  CHECK(facts.array_index == 20);
  CHECK(facts.resources.cpu.value == 1000);
  CHECK(facts.constraints.max_retries == 3);
}

TEST_CASE("describe: counts what waits, runs and lives") {
  with_node f;
  f.submitted(f.job());
  f.submitted(f.job());
  auto const s = f.described();
  CHECK(s.queues.at("batch") == 1);
  CHECK(s.queues.at("realtime") == 0);
  CHECK(s.running == 1);
  CHECK(s.live_jobs == 2);
  CHECK(s.nodes == 1);
  CHECK(f.core_.stages().front().name == "brief");
}

TEST_CASE("telemetry: labels come back with what happened") {
  with_node f;
  auto s = f.job();
  REQUIRE_FALSE(complete_and_check(s));
  f.apply(job_submitted{&s, {}, 77, {}});
  std::vector<happening> what;
  for (auto const& h : f.seen<happened>()) {
    CHECK(h.label == 77);
    what.push_back(h.what);
  }
  CHECK(what ==
        std::vector{happening::job_submitted, happening::job_queued, happening::job_started});
}
