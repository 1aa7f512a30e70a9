// The scheduler restarts: what the durable effects tell is enough to go on.
#include "scheduling/supervision.hpp"
#include "tests/scheduling/restartable.hpp"

using namespace nsai;
using namespace nsai::scheduling;
using namespace nsai::scheduling::tests;

TEST_CASE("restart: what waited waits on, and new numbers go on") {
  restartable f;
  auto s = f.job();
  s.key = "k";
  auto const first = f.submit_stored(s);
  f.restart();
  CHECK(f.status(first) == job_status::queued);
  CHECK(f.core_.find_key("default", "k")->id == first);
  f.join(f.node("a", 1));
  CHECK(f.runs(first));
  CHECK(f.submitted(f.job()) == job_id{2});
}

TEST_CASE("restart: a running attempt is taken up again by its node, with its resources") {
  restartable f;
  f.join(f.node("a", 2, {"A100"}));
  f.keep();
  auto const id = f.submit_stored(f.gpu_job("A100"));
  auto const held = f.held(id);
  f.restart();
  CHECK(f.runs(id));
  CHECK(f.core_.is_current({id, 1}));
  CHECK(f.reason(id) == "waiting for node a to confirm attempt 1");
  CHECK(f.core_.look_up(id).devices.size() == 1);
  f.join(f.node("a", 2, {"A100"}), {held});
  CHECK(f.seen<attempt_stopped>().empty());
  CHECK(f.reason(id).empty());
  CHECK(f.record_of("a").gpus.at(0).share_used.value == 1000);
  f.end(id);
  CHECK(f.status(id) == job_status::succeeded);
}

TEST_CASE("restart: an outcome that was spooled counts before its node has registered") {
  restartable f;
  f.join(f.node("a", 2));
  auto const id = f.submit_stored(f.job());
  f.restart();
  f.end(id);
  CHECK(f.only<outcome_settled>().accepted);
  CHECK(f.status(id) == job_status::succeeded);
}

TEST_CASE("restart: unconfirmed attempts are lost after adopt_ms, on the millisecond") {
  restartable f;
  f.join(f.node("a", 2));
  auto const id = f.submit_stored(f.job());
  core_settings settings;
  settings.adopt_ms = 7000;
  f.restart(settings);
  f.advance(6999);
  CHECK(f.runs(id));
  f.advance(1);
  CHECK(f.status(id) == job_status::pending);
  CHECK(f.only<attempt_closed>().node_name == "a");
}

TEST_CASE("restart: a node that comes back without the attempt, or anew, has lost it") {
  for (bool const anew : {false, true}) {
    restartable f;
    f.join(f.node("a", 2));
    auto const id = f.submit_stored(f.job());
    auto const held = f.held(id);
    f.restart();
    auto n = f.node("a", 2);
    n.incarnation = anew ? 2 : 1;
    if (anew)
      f.join(n, {held});  // even if it said it had it: the incarnation it was granted to is gone
    else
      f.join(n);
    CHECK(f.status(id) == job_status::pending);
    CHECK(f.only<attempt_closed>().result == attempt_result::lost);
  }
}

TEST_CASE("restart: a supervisor that had not decided is asked again, with the error") {
  restartable f;
  f.join(f.node("a", 2));
  auto const id = f.submit_stored(f.job());
  f.fail_stored(id);
  f.restart();
  CHECK(f.only<consult_supervisor>().own_failures == 1);
  CHECK(f.only<consult_supervisor>().error->message == "it broke");
  f.join(f.node("a", 2));
  f.decide(id, true);
  CHECK(f.granted(id).ref.attempt == 2);
}

TEST_CASE("restart: a backoff and a deadline go on") {
  restartable f;
  f.join(f.node("a", 2));
  auto s = f.job();
  s.constraints.deadline = f.now_ + 9000;
  auto const id = f.submit_stored(s);
  f.fail_stored(id);
  f.decide(id, true, 3000);
  f.keep();
  f.restart();
  f.join(f.node("a", 2));
  CHECK(f.consults_.empty());
  f.advance(2999);
  CHECK(f.status(id) == job_status::pending);
  f.advance(1);
  CHECK(f.runs(id));
  f.advance(6000);
  CHECK(f.only<attempt_stopped>().ref == attempt_ref{id, 2});
}

TEST_CASE("restart: a clock that was set back an hour meanwhile holds no retry for an hour") {
  restartable f;
  f.join(f.node("a", 2));
  auto const id = f.submit_stored(f.job());
  f.fail_stored(id);
  f.decide(id, true, 3000);
  f.keep();
  f.now_ = f.now_ + -3'600'000;
  f.restart();
  f.join(f.node("a", 2));
  CHECK(f.status(id) == job_status::pending);
  f.advance(longest_slow_ms);
  CHECK(f.runs(id));
}

TEST_CASE("restart: a cancel of a running job is not forgotten") {
  restartable f;
  f.join(f.node("a", 2));
  auto const id = f.submit_stored(f.job());
  auto const held = f.held(id);
  f.cancel(id);
  f.keep();
  f.restart();
  f.join(f.node("a", 2), {held});
  CHECK(f.only<attempt_stopped>().ref == attempt_ref{id, 1});
  f.end(id, attempt_result::canceled);
  CHECK(f.status(id) == job_status::canceled);
}

TEST_CASE("restart: an array keeps its limit, its counts and its children's indices") {
  restartable f;
  f.join(f.node("a", 8));
  auto s = f.job();
  s.array.emplace();
  s.array->first = 5;
  s.array->last = 10;
  s.array->limit = 2;
  auto const parent = f.submit_stored(s);
  auto const child = [&](std::uint64_t i) { return job_id{parent.value + 1 + i}; };
  f.end_stored(child(0));
  auto const held = std::vector{f.held(child(1)), f.held(child(2))};
  f.restart();
  CHECK(f.core_.facts(child(3)).array_index == 8);
  CHECK(f.reason(child(3)) == "array limit 2 reached");
  f.join(f.node("a", 8), held);
  CHECK_FALSE(f.runs(child(3)));
  for (int i = 1; i < 6; ++i)
    f.end(child(i));
  CHECK(f.ended(parent).summary ==
        R"({"children":6,"succeeded":6,"failed":0,"canceled":0,"timeout":0})");
}

TEST_CASE("restart: an experiment goes on where it was and knows its last steps") {
  restartable f;
  f.join(f.node("a", 8));
  submission s;
  for (std::uint32_t i = 0; i < 4; ++i) {
    step_spec step;
    step.name = "s" + std::to_string(i);
    step.stage = "echo";
    if (i > 0)
      step.after = {i - 1};
    s.pipeline.push_back(step);
  }
  auto const parent = f.submit_stored(s);
  auto const child = [&](std::uint64_t i) { return job_id{parent.value + 1 + i}; };
  f.end_stored(child(0));
  f.end_stored(child(1));
  auto const held = f.held(child(2));
  f.restart();
  CHECK(f.status(child(3)) == job_status::pending);
  CHECK(f.reason(child(3)) == "waiting for step s2, job 4");
  f.join(f.node("a", 8), {held});
  f.end(child(2));
  f.end(child(3));
  CHECK(f.ended(parent).status == job_status::succeeded);
  CHECK(f.ended(parent).context_from == std::vector{child(3)});
}

TEST_CASE("restart: dependencies that ended meanwhile are met, the others still hold") {
  restartable f;
  f.join(f.node("a", 2));
  auto const first = f.submit_stored(f.job());
  auto const second = f.submit_stored(f.job());
  auto s = f.job();
  s.constraints.depends_on = {first, second};
  auto const last = f.submit_stored(s);
  f.end_stored(first);
  auto const held = f.held(second);
  f.restart();
  f.join(f.node("a", 2), {held});
  CHECK(f.reason(last) == "waiting for job 2");
  f.end(second);
  CHECK(f.runs(last));
}
