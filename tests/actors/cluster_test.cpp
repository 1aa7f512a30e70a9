// Scheduler, store, supervisor, executor and workers together, in virtual time.
#include <doctest/doctest.h>

#include "tests/actors/virtual_cluster.hpp"
#include "tests/store/failing_files.hpp"

using namespace nsai;
using namespace nsai::tests;
using namespace std::chrono_literals;

TEST_CASE("a job is answered, run and ended without any time passing") {
  virtual_cluster c;
  c.start_executor("a");
  auto const accepted = c.submit("echo", {{"text", "hi"}});
  REQUIRE_FALSE(accepted.error);
  auto const record = c.job(accepted.id);
  CHECK(record.status == job_status::succeeded);
  CHECK(record.attempt == 1);
  CHECK(record.node == "a");
  CHECK(record.result.value().at("text") == "hi");
}

TEST_CASE("jobs of one message that are alike keep apart what is their own") {
  virtual_cluster c;
  c.start_executor("a");
  submit_jobs batch;
  for (auto const* text : {"one", "two", "three", "four"}) {
    submission s;
    s.stage = "echo";
    s.options = json_text::of({{"text", text}});
    batch.jobs.push_back(std::move(s));
  }
  batch.jobs[2].tags = {"other"};  // not like the first two, and the fourth is not like it
  auto const reply = c.ask<submit_reply>(batch);
  REQUIRE(reply.results.size() == 4);
  std::set<std::string> traces;
  for (std::size_t i = 0; i < 4; ++i) {
    auto const record = c.job(reply.results[i].id);
    CHECK(record.status == job_status::succeeded);
    CHECK(record.options == batch.jobs[i].options);
    CHECK(record.result.value().at("text") == batch.jobs[i].options.value().at("text"));
    CHECK(record.tags == batch.jobs[i].tags);
    traces.insert(record.trace_id);
  }
  CHECK(traces.size() == 4);
}

TEST_CASE("an outcome that comes while the scheduler is away is on disk at the next beat but one") {
  virtual_cluster c;
  auto const executor = c.start_executor("a");
  c.kill_scheduler();
  c.run();
  auto const files = [&] {
    return std::distance(std::filesystem::directory_iterator{c.directory / "a" / "spool"}, {});
  };
  caf::anon_send(executor, stop_attempts{1, {{{7}, 1}}});
  c.run();
  c.advance(1s);
  CHECK(files() == 0);
  c.advance(1s);
  CHECK(files() == 1);
}

TEST_CASE("a flaky stage: retried exactly when the backoff has passed, not a tick before (P4)") {
  virtual_cluster c;
  c.start_executor("a");
  constraints limits;
  limits.max_retries = 2;
  limits.retry_backoff_ms = 1000;
  limits.jitter = milli{0};
  auto const job = c.submit("flaky", {{"failures", 2}}, limits).id;
  CHECK(c.job(job).attempt == 1);
  c.advance(999ms);
  CHECK(c.job(job).attempt == 1);
  c.advance(1ms);
  CHECK(c.job(job).attempt == 2);
  c.advance(1999ms);
  CHECK(c.job(job).attempt == 2);
  c.advance(1ms);
  CHECK(c.job(job).status == job_status::succeeded);
  CHECK(c.job(job).attempts.size() == 3);
  for (auto const& attempt : c.job(job).attempts)
    CHECK_FALSE(attempt.worker.empty());
}

TEST_CASE("what always fails gets one attempt more than it may be retried, and no further (P4)") {
  virtual_cluster c;
  c.start_executor("a");
  constraints limits;
  limits.max_retries = 1;
  auto const job = c.submit("fail", {{"message", "no"}}, limits).id;
  for (int i = 0; i < 100; ++i)
    c.advance(1s);
  auto const record = c.job(job);
  CHECK(record.status == job_status::failed);
  CHECK(record.attempt == 2);
  CHECK(record.error->message.find("no") != std::string::npos);
}

TEST_CASE(
    "a node silent for its lease loses its attempts, not a tick before; its late outcome is "
    "refused (P2)") {
  virtual_cluster c;
  puppet a{c, "a"};
  auto const job = c.submit("sleep", {{"seconds", 1}}).id;
  REQUIRE(a.started.size() == 1);
  puppet b{c, "b"};
  for (int i = 0; i < 4; ++i) {
    c.advance(1s);
    REQUIRE(b.beats());
  }
  c.advance(999ms);
  REQUIRE(b.beats());
  CHECK(b.started.empty());
  c.advance(1ms);
  for (int i = 0; i < 3 && b.started.empty(); ++i) {
    REQUIRE(b.beats());
    c.advance(1s);
  }
  REQUIRE(b.started == std::vector<attempt_ref>{{job, 2}});
  a.report({job, 1}, attempt_result::succeeded);
  CHECK(c.job(job).status == job_status::running);
  CHECK(a.join({{job, 1}}) == std::vector<attempt_ref>{{job, 1}});
  b.report({job, 2}, attempt_result::succeeded);
  CHECK(c.job(job).status == job_status::succeeded);
  CHECK(c.job(job).attempt == 2);
  b.report({job, 2}, attempt_result::failed);
  CHECK(c.job(job).status == job_status::succeeded);
}

TEST_CASE(
    "a scheduler that is restarted adopts what runs: the attempt is not started again (P1, P2)") {
  virtual_cluster c;
  puppet a{c, "a"};
  auto const running = c.submit("sleep", {{"seconds", 1}}).id;
  REQUIRE(a.started.size() == 1);
  c.kill_scheduler();
  c.start_scheduler();
  CHECK(a.join({{running, 1}}).empty());
  CHECK(a.started.size() == 1);
  CHECK(c.job(running).status == job_status::running);
  a.report({running, 1}, attempt_result::succeeded);
  CHECK(a.recorded == std::vector<attempt_ref>{{running, 1}});
  CHECK(c.job(running).status == job_status::succeeded);
  CHECK(c.job(running).attempt == 1);
}

TEST_CASE(
    "a running attempt whose node never comes back after a restart is granted again when adopt_ms "
    "has passed") {
  virtual_cluster c;
  puppet gone{c, "a"};
  auto const job = c.submit("sleep", {{"seconds", 1}}).id;
  REQUIRE(gone.started.size() == 1);
  c.kill_scheduler();
  c.start_scheduler();
  puppet b{c, "b"};
  for (int i = 0; i < 59; ++i) {
    c.advance(1s);
    b.beats();
  }
  CHECK(b.started.empty());
  for (int i = 0; i < 5; ++i) {
    c.advance(1s);
    b.beats();
  }
  CHECK(b.started == std::vector<attempt_ref>{{job, 2}});
}

TEST_CASE("cancel: the attempt is told to stop; the job is canceled when it has (P6)") {
  virtual_cluster c;
  puppet a{c, "a"};
  auto const job = c.submit("sleep", {{"seconds", 1}}).id;
  CHECK_FALSE(c.ask<answer>(cancel_jobs{"default", {job}}).error);
  CHECK(a.stopped == std::vector<attempt_ref>{{job, 1}});
  CHECK(c.job(job).status == job_status::running);
  a.report({job, 1}, attempt_result::canceled);
  CHECK(c.job(job).status == job_status::canceled);
  CHECK(c.ask<answer>(cancel_jobs{"default", {job}}).error->category == "refused");
}

TEST_CASE("a stop that an outcome overtook: what was committed first wins") {
  virtual_cluster c;
  puppet a{c, "a"};
  auto const job = c.submit("sleep", {{"seconds", 1}}).id;
  a.report({job, 1}, attempt_result::succeeded);
  CHECK(c.ask<answer>(cancel_jobs{"default", {job}}).error);
  CHECK(c.job(job).status == job_status::succeeded);
}

TEST_CASE(
    "a full disk: submissions are refused with the reason, outcomes wait on the node, all goes on "
    "with room (P1)") {
  store::tests::failing_files::install();
  virtual_cluster c{"nsai-failing"};
  puppet a{c, "a"};
  auto const job = c.submit("sleep", {{"seconds", 1}}).id;
  REQUIRE(a.started.size() == 1);
  store::tests::failing_files::fail_after(0);
  auto const refused = c.submit("echo", {{"text", "x"}});
  REQUIRE(refused.error);
  CHECK(refused.error->category == "unavailable");
  CHECK(refused.error->message.find("full") != std::string::npos);
  a.report({job, 1}, attempt_result::succeeded);
  CHECK(a.recorded.empty());
  c.advance(3s);
  CHECK(c.submit("echo", {{"text", "x"}}).error);
  store::tests::failing_files::fail_after(-1);
  c.advance(2s);
  CHECK_FALSE(a.beats());  // it is asked to register again, and brings what it has kept
  a.join();
  CHECK(a.recorded == std::vector<attempt_ref>{{job, 1}});
  CHECK(c.job(job).status == job_status::succeeded);
  CHECK(c.job(job).attempt == 1);
  CHECK_FALSE(c.submit("echo", {{"text", "x"}}).error);
}

TEST_CASE(
    "a peer that does not understand an answer, or says nonsense, does not end the scheduler") {
  virtual_cluster c;
  auto const executor = c.start_executor("a");
  auto const deaf = c.keep(c.sys.spawn([&c](caf::event_based_actor* self) -> caf::behavior {
    self->send(c.scheduler,
               leave_cluster{"uuid-unknown", 1});  // answered, and the answer is refused
    self->send(c.scheduler, std::string{"nonsense"});
    return {[](int) {}};
  }));
  c.run();
  caf::anon_send(executor, actors::shut_down{false});
  c.run();
  CHECK(c.ask<node_list>(list_nodes{}).nodes.size() <= 1);
  CHECK_FALSE(c.submit("echo", {{"text", "x"}}).error);
}

TEST_CASE(
    "a full disk: who waits behind the commit that fails is refused too, nobody is left without an "
    "answer (P7)") {
  store::tests::failing_files::install();
  virtual_cluster c{"nsai-failing"};
  std::vector<submit_reply> replies;
  std::vector<answer> watched;
  int errors = 0;
  auto const client = c.keep(c.sys.spawn([&](caf::event_based_actor* self) -> caf::behavior {
    auto const failed = [&errors](caf::error const&) { ++errors; };
    for (int i = 0; i < 3; ++i) {
      submission s;
      s.stage = "echo";
      s.key = "k" + std::to_string(i);
      self->request(c.scheduler, caf::infinite, submit_jobs{{s}, true})
          .then([&](submit_reply const& m) { replies.push_back(m); }, failed);
      self->request(c.scheduler, caf::infinite, watch_jobs{"default", {{77}}})
          .then([&](answer const& m) { watched.push_back(m); }, failed);
    }
    return {[](jobs_ended const&) {}};
  }));
  store::tests::failing_files::fail_after(0);
  c.run();
  c.advance(5s);
  store::tests::failing_files::fail_after(-1);
  c.advance(5s);
  CHECK(errors == 0);
  REQUIRE(replies.size() == 3);
  for (auto const& reply : replies)
    CHECK(reply.results.at(0).error->category == "unavailable");
  CHECK(watched.size() == 3);
}

TEST_CASE(
    "a full disk: who watched a job that was refused hears nothing of the job that gets its number "
    "(P8)") {
  store::tests::failing_files::install();
  virtual_cluster c{"nsai-failing"};
  puppet a{c, "a"};
  std::vector<job_end> heard;
  auto const client = c.keep(c.sys.spawn([&](caf::event_based_actor*) -> caf::behavior {
    return {[&](jobs_ended const& m) { heard.insert(heard.end(), m.jobs.begin(), m.jobs.end()); },
            [](submit_reply const&) {}};
  }));
  submission s;
  s.stage = "echo";
  store::tests::failing_files::fail_after(0);
  caf::send_as(client, c.scheduler, submit_jobs{{s}, true});
  c.run();
  store::tests::failing_files::fail_after(-1);
  c.advance(2s);
  a.join();
  s.tenant_id = "other";
  auto const job = c.submit(s).id;
  a.report({job, 1}, attempt_result::succeeded);
  CHECK(heard.empty());
}

TEST_CASE("one key twice in a batch, for a job that ends at once: one job, and the store goes on") {
  virtual_cluster c;
  puppet a{c, "a"};
  a.join();
  submission first;
  first.stage = "echo";
  first.constraints.max_retries = 0;
  auto const failed = c.submit(first).id;
  a.report({failed, 1}, attempt_result::failed);
  c.advance(2s);
  submission dependent;
  dependent.stage = "echo";
  dependent.key = "k";
  dependent.constraints.depends_on = {failed};
  auto const reply = c.ask<submit_reply>(submit_jobs{{dependent, dependent}, false});
  REQUIRE(reply.results.size() == 2);
  CHECK_FALSE(reply.results[0].error);
  CHECK(reply.results[1].id == reply.results[0].id);
  CHECK(c.ask<stats>(get_stats{}).store_error.empty());
  CHECK_FALSE(c.submit(first).error);
}
