// Jobs that wait for others: success, any end, skipping, batches, unique jobs.
#include "messages/batch.hpp"
#include "tests/scheduling/restartable.hpp"

using namespace nsai;
using namespace nsai::scheduling;
using namespace nsai::scheduling::tests;

namespace {

submission once(std::string name = {}) {
  auto s = fixture::job();
  s.constraints.max_retries = 0;
  s.name = std::move(name);
  return s;
}

submission after(std::vector<job_id> jobs) {
  auto s = once();
  s.constraints.depends_on = std::move(jobs);
  return s;
}

submission skipping(std::vector<job_id> jobs) {
  auto s = after(std::move(jobs));
  s.constraints.on_failed_dependency = dependency_rule::skip;
  return s;
}

submission after_any(std::vector<job_id> jobs) {
  auto s = once();
  s.constraints.after_any = std::move(jobs);
  return s;
}

submission named(std::string name, std::vector<std::string> after,
                 std::vector<std::string> any = {}) {
  auto s = once(std::move(name));
  s.after = std::move(after);
  s.after_any = std::move(any);
  return s;
}

struct dependency_world : restartable {
  explicit dependency_world(std::int64_t cores = 8) { join(node("n", cores)); }
};

}  // namespace

TEST_CASE("after any end: a failure releases as a success does") {
  dependency_world f;
  auto const good = f.submitted(once());
  auto const bad = f.submitted(once());
  auto const last = f.submitted(after_any({good, bad}));
  CHECK(f.reason(last) == "waiting for job 1 to end");
  f.end(bad, attempt_result::failed);
  CHECK(f.status(last) == job_status::pending);
  f.end(good);
  CHECK(f.runs(last));
}

TEST_CASE("after any end: of a job that is named for success, too, success is waited for") {
  dependency_world f;
  auto const bad = f.submitted(once());
  auto s = after({bad});
  s.constraints.after_any = {bad};
  auto const last = f.submitted(s);
  f.end(bad, attempt_result::failed);
  CHECK(f.ended(last).error->code == "dependency_failed");
}

TEST_CASE("after any end: those that had ended before count, unknown ones are refused") {
  dependency_world f;
  auto const s = after_any({{500}});
  CHECK(f.submit(s).error->field == "constraints.after_any");
  CHECK(f.runs(f.submit(s, {{{500}, job_status::failed}}).id));
}

TEST_CASE("skip: a failed dependency ends the job as canceled, with the reason") {
  dependency_world f;
  auto const bad = f.submitted(once());
  auto const skipped = f.submitted(skipping({bad}));
  auto const next = f.submitted(skipping({skipped}));
  auto const strict = f.submitted(after({skipped}));
  auto const cleanup = f.submitted(after_any({skipped}));
  f.end(bad, attempt_result::failed);
  CHECK(f.ended(skipped).status == job_status::canceled);
  CHECK(f.ended(skipped).error->code == "skipped");
  CHECK(f.ended(skipped).error->category == "dependency");
  CHECK(f.ended(skipped).error->message == "job 1, on which this one depends, ended as failed");
  CHECK(f.ended(next).error->code == "skipped");
  CHECK(f.ended(strict).status == job_status::failed);
  CHECK(f.runs(cleanup));
}

TEST_CASE("skip: an array and an experiment are skipped as a whole") {
  dependency_world f;
  auto const bad = f.submitted(once());
  auto list = skipping({bad});
  list.array = array_spec{0, 2, 1, 0, {}};
  auto const array = f.submit(list);
  submission pipeline = skipping({bad});
  pipeline.stage.clear();
  pipeline.pipeline.resize(2);
  for (auto& step : pipeline.pipeline)
    step.stage = "echo";
  auto const experiment = f.submit(pipeline);
  f.end(bad, attempt_result::failed);
  for (auto const id : {array.id, experiment.id}) {
    CHECK(f.ended(id).status == job_status::canceled);
    CHECK(f.ended(id).error->code == "skipped");
  }
  CHECK(f.described().live_jobs == 0);
}

TEST_CASE("skip: a step of an experiment goes by its own rule, and so do those behind it") {
  dependency_world f;
  submission s;
  s.pipeline.resize(3);
  for (auto& step : s.pipeline) {
    step.stage = "echo";
    step.constraints.max_retries = 0;
  }
  s.pipeline[1].after = {0};
  s.pipeline[1].constraints.on_failed_dependency = dependency_rule::skip;
  s.pipeline[2].after = {1};
  auto const r = f.submit(s);
  f.end({2}, attempt_result::failed);
  CHECK(f.ended({3}).status == job_status::canceled);
  CHECK(f.ended({4}).status == job_status::failed);
  CHECK(f.ended(r.id).status == job_status::failed);
}

TEST_CASE("restart: a dependency of any end holds on, and is met by an end meanwhile") {
  dependency_world f;
  f.keep();
  auto const first = f.submit_stored(once());
  auto const second = f.submit_stored(once());
  auto const last = f.submit_stored(after_any({first, second}));
  auto const strict = f.submit_stored(skipping({second}));
  f.fail_stored(first);
  auto const held = f.held(second);
  f.restart();
  f.join(f.node("n", 8), {held});
  CHECK(f.reason(last) == "waiting for job 2 to end");
  f.end(second, attempt_result::failed);
  CHECK(f.runs(last));
  CHECK(f.ended(strict).error->code == "skipped");
}

TEST_CASE("batch: jobs wait for those that they name") {
  dependency_world f;
  auto const made =
      f.submit_batch({named("join", {"left", "right"}), named("load", {}), named("left", {"load"}),
                      named("right", {"load"}), named("note", {}, {"join"})});
  auto const [join, load, left, right, note] =
      std::tuple{made[0].id, made[1].id, made[2].id, made[3].id, made[4].id};
  CHECK(load == job_id{1});
  CHECK(f.runs(load));
  CHECK(f.reason(left) == "waiting for job 1");
  f.end(load);
  CHECK(f.runs(left));
  CHECK(f.runs(right));
  f.end(left);
  f.end(right, attempt_result::failed);
  CHECK(f.ended(join).error->code == "dependency_failed");
  CHECK(f.runs(note));
}

TEST_CASE("batch: all or nothing, and everyone hears for whom") {
  dependency_world f;
  auto faulty = named("b", {"a"});
  faulty.stage = "ehco";
  auto const made = f.submit_batch({named("a", {}), faulty, named("c", {"b"})});
  CHECK(made[1].error->code == "unknown_stage");
  CHECK(made[0].error->code == "batch_refused");
  CHECK(made[2].error->message.starts_with("none of the batch was made, for jobs[1]: stage: "));
  CHECK(f.described().live_jobs == 0);
  CHECK(f.submitted(once()) == job_id{1});
}

TEST_CASE("batch: what depends on a job that had failed before ends at once, down the chain") {
  dependency_world f;
  auto first = named("a", {});
  first.constraints.depends_on = {{500}};
  auto const made = f.submit_batch({first, named("b", {"a"}), named("c", {}, {"b"})},
                                   {{{500}, job_status::failed}});
  CHECK(f.ended(made[0].id).error->code == "dependency_failed");
  CHECK(f.ended(made[1].id).error->code == "dependency_failed");
  CHECK(f.runs(made[2].id));
}

TEST_CASE("batch: the quota of waiting jobs counts all of it") {
  core_settings settings;
  settings.tenants["default"].quota.queued = 2;
  restartable f{settings};
  CHECK(f.submit_batch({named("a", {}), named("b", {}), named("c", {})})[2].error->code == "quota");
  CHECK(f.described().live_jobs == 0);
  CHECK_FALSE(f.submit_batch({named("a", {}), named("b", {})})[1].error);
}

TEST_CASE("batch: a restart knows the numbers behind the names") {
  dependency_world f;
  f.keep();
  auto const made = f.submit_batch({named("a", {}), named("b", {"a"})});
  auto const held = f.held(made[0].id);
  f.restart();
  f.join(f.node("n", 8), {held});
  CHECK(f.reason(made[1].id) == "waiting for job 1");
  f.end(made[0].id);
  CHECK(f.runs(made[1].id));
}

TEST_CASE("unique: while one lives it is the answer; then the word is free") {
  dependency_world f;
  f.keep();
  auto s = once();
  s.unique = "nightly";
  auto const first = f.submit_stored(s);
  auto const again = f.submit(s);
  CHECK(again.id == first);
  CHECK(again.existing);
  s.tenant_id = "other";
  CHECK(f.submit_stored(s) != first);  // a word is a tenant's own
  s.tenant_id = "default";
  f.restart();
  CHECK(f.submit(s).id == first);
  f.cancel(first);
  f.join(f.node("n", 8));
  CHECK(f.has_ended(first));
  auto const next = f.submit(s);
  CHECK(next.id != first);
  CHECK_FALSE(next.existing);
}

TEST_CASE(
    "unique: an array is the answer with its children, and one in a batch with its dependents") {
  dependency_world f;
  auto s = once();
  s.unique = "u";
  s.array = array_spec{0, 3, 1, 0, {}};
  auto const first = f.submit(s);
  CHECK(f.submit(s).children == 4);
  auto in_batch = named("a", {});
  in_batch.unique = "u";
  auto const made = f.submit_batch({in_batch, named("b", {"a"})});
  CHECK(made[0].id == first.id);
  CHECK(made[0].existing);
  CHECK(f.reason(made[1].id) == "waiting for job " + std::to_string(first.id.value));
}
