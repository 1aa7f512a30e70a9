// Arrays and experiments.
#include "tests/scheduling/fixture.hpp"

using namespace nsai;
using namespace nsai::scheduling;
using namespace nsai::scheduling::tests;

namespace {

submission array_of(std::int64_t children, std::int64_t limit = 0) {
  auto s = fixture::job();
  s.array.emplace();
  s.array->last = children - 1;
  s.array->limit = limit;
  s.constraints.max_retries = 0;
  return s;
}

step_spec step(std::string name, std::vector<std::uint32_t> after = {}) {
  step_spec s;
  s.name = std::move(name);
  s.stage = "echo";
  s.after = std::move(after);
  s.constraints.max_retries = 0;
  return s;
}

// load -> {left, right} -> join, and note after load only
submission diamond() {
  submission s;
  s.pipeline = {step("load"), step("left", {0}), step("right", {0}), step("join", {1, 2}),
                step("note", {0})};
  return s;
}

job_id child(job_id parent, std::uint64_t position) {
  return {parent.value + 1 + position};
}

}  // namespace

TEST_CASE("array: children run, the parent follows them and ends with a summary") {
  fixture f;
  f.join(f.node("n", 2));
  auto const r = f.submit(array_of(3));
  CHECK(r.children == 3);
  CHECK(f.status(r.id) == job_status::running);
  CHECK(f.runs(child(r.id, 0)));
  CHECK(f.runs(child(r.id, 1)));
  CHECK(f.status(child(r.id, 2)) == job_status::queued);
  for (int i = 0; i < 3; ++i)
    f.end(child(r.id, i));
  CHECK(f.ended(r.id).status == job_status::succeeded);
  CHECK(f.ended(r.id).summary ==
        R"({"children":3,"succeeded":3,"failed":0,"canceled":0,"timeout":0})");
  CHECK(f.described().live_jobs == 0);
}

TEST_CASE("array: without a node the parent is queued, and runs with its first child") {
  fixture f;
  auto const r = f.submit(array_of(3));
  CHECK(f.status(r.id) == job_status::queued);
  f.join(f.node("n", 1));
  CHECK(f.status(r.id) == job_status::running);
}

TEST_CASE("array: fails when a child did not succeed, and says which was the first") {
  fixture f;
  f.join(f.node("n", 3));
  auto const r = f.submit(array_of(3));
  f.end(child(r.id, 1), attempt_result::failed);
  f.cancel(child(r.id, 2));
  f.end(child(r.id, 2), attempt_result::canceled);
  f.end(child(r.id, 0));
  CHECK(f.ended(r.id).status == job_status::failed);
  CHECK(f.ended(r.id).error->message ==
        "2 of 3 children did not succeed; the first: job 3 failed: it broke");
  CHECK(f.ended(r.id).summary ==
        R"({"children":3,"succeeded":1,"failed":1,"canceled":1,"timeout":0})");
}

TEST_CASE("array: never more children at once than the limit, retries included") {
  fixture f;
  f.join(f.node("n", 8));
  auto s = array_of(4, 2);
  s.constraints.max_retries = 1;
  auto const r = f.submit(s);
  CHECK(f.runs(child(r.id, 0)));
  CHECK(f.runs(child(r.id, 1)));
  CHECK(f.reason(child(r.id, 2)) == "array limit 2 reached");
  f.end(child(r.id, 0), attempt_result::failed);
  CHECK_FALSE(f.runs(child(r.id, 2)));
  f.decide(child(r.id, 0), true);
  CHECK(f.runs(child(r.id, 0)));
  f.end(child(r.id, 0), attempt_result::failed);
  CHECK(f.runs(child(r.id, 2)));
  CHECK_FALSE(f.runs(child(r.id, 3)));
  f.cancel(child(r.id, 3));
  f.end(child(r.id, 1));
  f.end(child(r.id, 2));
  CHECK(f.has_ended(r.id));
}

TEST_CASE("array: a cancel of the parent reaches all children, and lets none out of the limit") {
  fixture f;
  f.join(f.node("n", 8));
  auto const r = f.submit(array_of(5, 2));
  f.cancel(r.id);
  CHECK(f.seen<job_ended>().size() == 3);
  CHECK(f.seen<attempt_stopped>().size() == 2);
  CHECK(f.status(r.id) == job_status::running);
  f.end(child(r.id, 0));  // a success that came first wins
  f.end(child(r.id, 1), attempt_result::canceled);
  CHECK(f.ended(r.id).status == job_status::canceled);
  CHECK(f.ended(r.id).summary ==
        R"({"children":5,"succeeded":1,"failed":0,"canceled":4,"timeout":0})");
}

TEST_CASE("array: deadline, not_before and dependencies hold the parent and so its children") {
  fixture f;
  f.join(f.node("n", 8));
  auto const first = f.submitted(f.job());
  auto s = array_of(3, 2);
  s.constraints.depends_on = {first};
  s.constraints.not_before = f.now_ + 300;
  s.constraints.deadline = f.now_ + 2000;
  auto const r = f.submit(s);
  CHECK(f.status(r.id) == job_status::pending);
  CHECK(f.reason(child(r.id, 0)) == "waiting for job 1");
  f.end(first);
  CHECK(f.reason(child(r.id, 0)) == "not before " + to_rfc3339(s.constraints.not_before));
  f.advance(299);
  CHECK_FALSE(f.runs(child(r.id, 0)));
  f.advance(1);
  CHECK(f.runs(child(r.id, 0)));
  CHECK(f.runs(child(r.id, 1)));
  CHECK(f.status(child(r.id, 2)) == job_status::pending);
  f.advance(1700);
  CHECK(f.status(child(r.id, 2)) == job_status::timeout);
  f.end(child(r.id, 0), attempt_result::canceled);
  f.end(child(r.id, 1), attempt_result::canceled);
  CHECK(f.ended(r.id).status == job_status::timeout);
  CHECK(f.ended(r.id).error->code == "deadline");
}

TEST_CASE(
    "array: a failed dependency fails parent and children, and whoever depends on the parent") {
  fixture f;
  f.join(f.node("n", 8));
  auto plain = f.job();
  plain.constraints.max_retries = 0;
  auto const first = f.submitted(plain);
  auto s = array_of(3);
  s.constraints.depends_on = {first};
  auto const r = f.submit(s);
  plain.constraints.depends_on = {r.id};
  auto const last = f.submitted(plain);
  f.end(first, attempt_result::failed);
  CHECK(f.ended(r.id).error->code == "dependency_failed");
  CHECK(f.ended(child(r.id, 2)).error->code == "dependency_failed");
  CHECK(f.ended(last).error->message == "job 2, on which this one depends, ended as failed");
}

TEST_CASE("array: a job that depends on the parent runs after all children") {
  fixture f;
  f.join(f.node("n", 8));
  auto const r = f.submit(array_of(2));
  auto s = f.job();
  s.constraints.depends_on = {r.id};
  auto const last = f.submitted(s);
  f.end(child(r.id, 0));
  CHECK(f.status(last) == job_status::pending);
  f.end(child(r.id, 1));
  CHECK(f.runs(last));
}

TEST_CASE("array: one submitted after its dependency has failed ends at once, with all children") {
  fixture f;
  f.join(f.node("n", 8));
  auto s = array_of(3);
  s.constraints.depends_on = {{900}};
  auto const r = f.submit(s, {{{900}, job_status::failed}});
  CHECK_FALSE(r.error);
  CHECK(r.children == 3);
  CHECK(f.seen<job_created>().size() == 4);
  CHECK(f.ended(r.id).error->code == "dependency_failed");
  CHECK(f.described().live_jobs == 0);
}

TEST_CASE(
    "experiment: steps run as their predecessors succeed, the result comes from the last ones") {
  fixture f;
  f.join(f.node("n", 8));
  auto const r = f.submit(diamond());
  auto const created = f.seen<job_created>();
  CHECK(created.size() == 6);
  CHECK(created[0].children == 5);
  CHECK(f.runs(child(r.id, 0)));
  CHECK(f.reason(child(r.id, 3)) == "waiting for step left, job 3");
  f.end(child(r.id, 0));
  CHECK(f.runs(child(r.id, 1)));
  CHECK(f.runs(child(r.id, 2)));
  CHECK(f.runs(child(r.id, 4)));
  f.end(child(r.id, 1));
  CHECK(f.reason(child(r.id, 3)) == "waiting for step right, job 4");
  f.end(child(r.id, 2));
  CHECK(f.runs(child(r.id, 3)));
  f.end(child(r.id, 4));
  f.end(child(r.id, 3));
  auto const& over = f.ended(r.id);
  CHECK(over.status == job_status::succeeded);
  CHECK(over.context_from == std::vector{child(r.id, 3), child(r.id, 4)});
  CHECK_FALSE(over.summary);
}

TEST_CASE(
    "experiment: a failed step fails what follows it at once, the rest runs on, the parent names "
    "the step") {
  fixture f;
  f.join(f.node("n", 8));
  auto const r = f.submit(diamond());
  f.end(child(r.id, 0));
  f.end(child(r.id, 1), attempt_result::failed);
  CHECK(f.ended(child(r.id, 3)).error->message ==
        "step left (job 3), on which this one depends, ended as failed");
  CHECK(f.runs(child(r.id, 2)));
  CHECK_FALSE(f.has_ended(r.id));
  f.end(child(r.id, 2));
  f.end(child(r.id, 4));
  CHECK(f.ended(r.id).status == job_status::failed);
  CHECK(f.ended(r.id).error->message == "step left (job 3) ended as failed: it broke");
  CHECK(f.ended(r.id).error->code == "step_failed");
  CHECK(f.ended(r.id).context_from.empty());
}

TEST_CASE("experiment: a step has its own retries, label and constraints") {
  fixture f;
  f.join(f.node("n", 8));
  auto s = diamond();
  s.priority = priority::interactive;
  s.pipeline[0].constraints.max_retries = 1;
  s.pipeline[0].resources.cpu.value = 2500;
  REQUIRE_FALSE(complete_and_check(s));
  f.apply(job_submitted{&s, {}, 1, {10, 11, 12, 13, 14}});
  auto const r = f.core_.last_answer();
  CHECK(f.record_of("n").cpus_used.value == 2500);
  CHECK(f.seen<happened>().back().label == 10);
  f.end(child(r.id, 0), attempt_result::failed);
  f.decide(child(r.id, 0), true);
  CHECK(f.runs(child(r.id, 0)));
  f.end(child(r.id, 0), attempt_result::failed);
  CHECK(f.ended(r.id).status == job_status::failed);
  CHECK(f.described().live_jobs == 0);
}

TEST_CASE("experiment: a cancel ends what waits at once and the rest with its outcomes") {
  fixture f;
  f.join(f.node("n", 8));
  auto const r = f.submit(diamond());
  f.cancel(r.id);
  CHECK(f.seen<job_ended>().size() == 4);
  f.end(child(r.id, 0), attempt_result::canceled);
  CHECK(f.ended(r.id).status == job_status::canceled);
  CHECK_FALSE(f.ended(r.id).error);
}

TEST_CASE(
    "experiment: a step's own dependency that has failed before fails it, and with it the "
    "experiment") {
  fixture f;
  f.join(f.node("n", 8));
  auto s = diamond();
  s.pipeline[1].constraints.depends_on = {{900}};
  auto const r = f.submit(s, {{{900}, job_status::timeout}});
  CHECK(f.ended(child(r.id, 1)).error->message ==
        "job 900, on which this one depends, ended as timeout");
  CHECK(f.ended(child(r.id, 3)).error->code == "dependency_failed");
  f.end(child(r.id, 0));
  f.end(child(r.id, 2));
  f.end(child(r.id, 4));
  CHECK(f.ended(r.id).status == job_status::failed);
}

TEST_CASE("experiment: a step's own priority decides when it is served, not its parent's") {
  fixture f;
  submission s;
  s.priority = priority::offline;
  s.pipeline = {step("slow"), step("urgent")};
  s.pipeline[1].priority = priority::interactive;
  auto const r = f.submit(s);
  auto const other = f.submit(fixture::job());  // batch
  f.join(f.node("n", 1));
  CHECK(f.runs(child(r.id, 1)));
  f.end(child(r.id, 1));
  CHECK(f.runs(other.id));
}

TEST_CASE("resume: a step that takes over a result succeeds at once and releases what follows") {
  fixture f;
  f.join(f.node("n", 4));
  auto s = diamond();
  s.pipeline[0].reuse = {900};
  s.pipeline[1].reuse = {901};
  auto const r = f.submit(s, {{{900}, job_status::succeeded}, {{901}, job_status::succeeded}});
  CHECK(f.ended(child(r.id, 0)).status == job_status::succeeded);
  CHECK(f.ended(child(r.id, 0)).result_of == job_id{900});
  CHECK(f.ended(child(r.id, 1)).result_of == job_id{901});
  CHECK(f.runs(child(r.id, 2)));
  CHECK(f.runs(child(r.id, 4)));
  f.end(child(r.id, 2));
  CHECK_FALSE(f.ended(child(r.id, 2)).result_of);
  CHECK(f.runs(child(r.id, 3)));
  f.end(child(r.id, 3));
  f.end(child(r.id, 4));
  CHECK(f.ended(r.id).status == job_status::succeeded);
  CHECK(f.described().live_jobs == 0);
}

TEST_CASE("resume: what has not succeeded, lives, or is another tenant's is refused (P8)") {
  fixture f;
  auto s = diamond();
  s.pipeline[0].reuse = {900};
  auto const refused = [&](std::vector<ended_job> ended) {
    auto const r = f.submit(s, std::move(ended));
    REQUIRE(r.error);
    CHECK(r.error->field == "pipeline[0].reuse");
    return r.error->message;
  };
  CHECK(refused({}).find("is not known") != std::string::npos);
  CHECK(refused({{{900}, job_status::failed}}).find("ended as failed") != std::string::npos);
  CHECK(refused({{{900}, job_status::succeeded, "other"}}).find("is not known") !=
        std::string::npos);
}

TEST_CASE("experiment: a step may not ask for more than its tenant may (P8)") {
  fixture f;
  submission s;
  s.pipeline = {step("a"), step("b")};
  s.pipeline[1].priority = priority::realtime;
  auto const r = f.submit(s);
  REQUIRE(r.error);
  CHECK(r.error->code == "max_priority");
  CHECK(r.error->field == "pipeline[1].priority");
}
