#include "actors/telemetry_bridge.hpp"

#include <algorithm>
#include <future>
#include <mutex>
#include <stdexcept>

#include <doctest/doctest.h>

#include "tests/actors/virtual_cluster.hpp"
#include "tests/support/eventually.hpp"

using namespace nsai;
using namespace nsai::tests;
using namespace std::chrono_literals;

namespace {

struct bridged_cluster : virtual_cluster {
  explicit bridged_cluster(bool own_threads = false) {
    bridge = start_bridge(own_threads);
    start_executor("a");
  }
  ~bridged_cluster() { end(bridge); }
  caf::actor start_bridge(bool own_threads) {
    actors::bridge_settings settings;
    settings.find = [this](caf::actor me) {
      if (scheduler)
        caf::anon_send(me, actors::scheduler_found{scheduler});
      else
        seekers.push_back(me);
    };
    settings.own_threads = own_threads;
    settings.post = [this](std::function<void()> told) {
      std::lock_guard const lock{mutex};
      from_threads.push_back(std::move(told));
    };
    auto const started = keep(sys.spawn(actors::telemetry_bridge, std::move(settings)));
    run();
    return started;
  }
  answer attach(std::string name, std::vector<std::string> patterns,
                actors::event_handler handler) {
    return ask_of<answer>(
        bridge, actors::attach_handler{std::move(name), std::move(patterns), std::move(handler)});
  }
  answer detach(std::string const& name) {
    return ask_of<answer>(bridge, actors::detach_handler{name});
  }
  std::vector<event> told(std::string const& pattern) {
    return ask<events>(watch_events{{}, pattern, false, 0, {}}, caf::actor{}).list;
  }
  void echo() { submit("echo", {{"text", "x"}}); }

  std::vector<caf::actor> seekers;
  caf::actor bridge;
  std::mutex mutex;
  std::vector<std::function<void()>> from_threads;
};

/// Handlers on real threads, everything else in virtual time: what a thread reports is run here.
struct threaded_cluster : bridged_cluster {
  threaded_cluster() : bridged_cluster(true) {}
  bool runs_until(std::function<bool()> const& holds) {
    return eventually([&] {
      std::vector<std::function<void()>> told;
      {
        std::lock_guard const lock{mutex};
        told.swap(from_threads);
      }
      for (auto const& each : told)
        each();
      run();
      return holds();
    });
  }
};

submission two_step_experiment(std::string const& second) {
  submission s;
  s.kind = job_kind::composite;
  s.name_space = "antagonist";
  s.metadata = json_text::of({{"experiment_id", "e1"}, {"experiment_type", "antagonist"}});
  step_spec first{"prepare", "echo", json_text::of({{"text", "x"}}), {}, {}, {}, {}, {}};
  auto next = first;
  next.name = "challenge";
  next.stage = second;
  next.options = json_text::of(second == "fail" ? json{{"message", "no"}} : json::object());
  next.constraints.max_retries = 0;
  next.after = {0};
  s.pipeline = {first, next};
  return s;
}

}  // namespace

TEST_CASE_FIXTURE(
    bridged_cluster,
    "a handler gets the events that match, and the bridged ones under their Crucible names") {
  std::vector<std::string> names;
  REQUIRE_FALSE(attach("h", {"work.job.*", "crucible.*"}, [&](event const& e) {
                  names.push_back(e.name);
                }).error);
  auto const job = submit("echo", {{"text", "x"}}).id;
  CHECK(names == std::vector<std::string>{"work.job.submitted", "crucible.experiment.submitted",
                                          "work.job.queued", "work.job.started",
                                          "crucible.stage.started", "work.job.completed",
                                          "crucible.stage.completed"});
  CHECK(this->job(job).status == job_status::succeeded);
  CHECK_FALSE(detach("h").error);
  names.clear();
  echo();
  CHECK(names.empty());
  CHECK(detach("h").error->category == "not_found");
}

TEST_CASE_FIXTURE(bridged_cluster, "a job's whole way, with what each event carries") {
  submission s;
  s.stage = "echo";
  s.name_space = "proposer";
  s.options = json_text::of({{"text", "x"}});
  s.metadata = json_text::of({{"experiment_id", "e1"}, {"experiment_type", "proposer"}});
  auto const id = submit(s).id;
  auto const record = job(id);
  std::vector<std::string> names;
  for (auto const& e : told("work.job.*,work.queue.*,work.scheduler.*,work.backend.*")) {
    names.push_back(e.name);
    CHECK(e.job == id);
    CHECK(e.tenant_id == "default");
    CHECK(e.name_space == "proposer");
    CHECK(e.experiment_id == "e1");
    CHECK(e.experiment_type == "proposer");
    CHECK(e.stage_name == "echo");
    CHECK(e.trace_id == record.trace_id);
    bool const after_grant = names.size() > 4;
    CHECK(e.node == (after_grant ? "a" : ""));
    CHECK(e.attempt == (after_grant ? 1 : 0));
  }
  CHECK(names == std::vector<std::string>{
                     "work.job.submitted", "work.scheduler.admit", "work.job.queued",
                     "work.queue.enqueue", "work.queue.dequeue", "work.scheduler.select_backend",
                     "work.job.started", "work.backend.crucible.stage.start",
                     "work.backend.crucible.stage.stop", "work.job.completed"});
}

TEST_CASE_FIXTURE(
    bridged_cluster,
    "the four bridged events of an experiment's stages carry all of its metadata, and "
    "what was measured") {
  std::vector<event> list;
  attach("h", {"crucible.*"}, [&](event const& e) { list.push_back(e); });
  auto const parent = submit(two_step_experiment("fail"));
  advance(10s);
  std::map<std::string, std::vector<event>> by_name;
  for (auto const& e : list) {
    CHECK(e.experiment_id == "e1");
    CHECK(e.experiment_type == "antagonist");
    CHECK(e.tenant_id == "default");
    CHECK(e.name_space == "antagonist");
    CHECK(e.trace_id == job(parent.id).trace_id);
    CHECK(e.measurements.at("count") == 1);
    if (e.job == parent.id) {
      CHECK(e.stage_name.empty());
      continue;
    }
    bool const is_first = e.job == parent.first_child;
    CHECK(e.stage_name == (is_first ? "prepare" : "challenge"));
    bool const is_submission = e.name == "crucible.experiment.submitted";
    CHECK(e.node == (is_submission ? "" : "a"));
    CHECK(e.attempt == (is_submission ? 0 : 1));
    by_name[e.name].push_back(e);
  }
  CHECK(by_name["crucible.experiment.submitted"].size() == 2);
  CHECK(by_name["crucible.stage.started"].size() == 2);
  REQUIRE(by_name["crucible.stage.completed"].size() == 1);
  REQUIRE(by_name["crucible.stage.failed"].size() == 1);
  for (auto const& e : by_name["crucible.stage.started"])
    CHECK(e.measurements.contains("queue_ms"));
  CHECK(by_name["crucible.stage.completed"][0].stage_name == "prepare");
  CHECK(by_name["crucible.stage.completed"][0].measurements.contains("duration_ms"));
  CHECK(by_name["crucible.stage.failed"][0].stage_name == "challenge");
  CHECK(by_name["crucible.stage.failed"][0].measurements.contains("duration_ms"));
  CHECK(by_name["crucible.stage.failed"][0].detail.find("no") != std::string::npos);
}

TEST_CASE_FIXTURE(bridged_cluster,
                  "a stage of an experiment keeps its name in events over a restart, and its "
                  "backend is that of what it runs") {
  auto s = two_step_experiment("echo");
  s.pipeline[1].resources.cpu = milli{100'000};  // waits
  auto const parent = submit(s);
  for (auto const& e : told("work.scheduler.select_backend"))
    CHECK(e.detail == "in_process");
  kill_scheduler();
  start_scheduler();
  ask<answer>(cancel_jobs{"default", {parent.id}});
  std::vector<std::string> names;
  for (auto const& e : told("work.job.canceled"))
    names.push_back(e.stage_name);
  CHECK(names == std::vector<std::string>{"challenge", ""});
}

TEST_CASE_FIXTURE(bridged_cluster,
                  "each attempt that failed ends its stage, on its node, with its duration") {
  constraints limits;
  limits.max_retries = 1;
  submit("fail", {{"message", "no"}}, limits);
  advance(10s);
  auto const list = told("work.backend.*,work.job.retry,work.job.failed");
  std::vector<std::string> names;
  for (auto const& e : list) {
    names.push_back(e.name);
    CHECK(e.node == "a");
  }
  REQUIRE(names == std::vector<std::string>{"work.backend.crucible.stage.start",
                                            "work.backend.crucible.stage.stop", "work.job.retry",
                                            "work.backend.crucible.stage.start",
                                            "work.backend.crucible.stage.stop", "work.job.failed"});
  CHECK(list[1].measurements.contains("duration_ms"));
  CHECK(list[1].attempt == 1);
  CHECK(list[2].measurements.at("delay_ms") > 0);
  CHECK(list[4].attempt == 2);
}

TEST_CASE_FIXTURE(bridged_cluster, "a job canceled in the queue leaves it, and ends no stage") {
  resources r;
  r.cpu = milli{100'000};
  submission s;
  s.stage = "echo";
  s.options = json_text::of({{"text", "x"}});
  s.resources = r;
  auto const id = submit(s).id;
  CHECK_FALSE(ask<answer>(cancel_jobs{"default", {id}}).error);
  std::vector<std::string> names;
  for (auto const& e : told("work.queue.*,work.backend.*,work.job.canceled"))
    names.push_back(e.name);
  CHECK(names ==
        std::vector<std::string>{"work.queue.enqueue", "work.queue.dequeue", "work.job.canceled"});
}

TEST_CASE_FIXTURE(bridged_cluster,
                  "the trace id of a parent is its children's, and a retried job keeps its own") {
  submission s;
  s.stage = "echo";
  s.options = json_text::of({{"text", "x"}});
  s.array = array_spec{0, 2, 1, 0, {}};
  s.trace_id = "0123456789abcdef0123456789abcdef";
  auto const array = submit(s);
  for (auto const& e : told("work.job.*"))
    CHECK(e.trace_id == s.trace_id);
  CHECK(job(array.first_child).trace_id == s.trace_id);
  constraints once;
  once.max_retries = 0;
  auto const failed = submit("fail", {{"message", "no"}}, once).id;
  advance(1s);
  REQUIRE(job(failed).status == job_status::failed);
  auto const again = ask<submit_reply>(retry_jobs{"default", {failed}, {}}).results.at(0);
  REQUIRE_FALSE(again.error);
  CHECK(job(again.id).trace_id == job(failed).trace_id);
  for (auto const& e : told("work.job.*"))
    if (e.job == again.id || e.job == failed)
      CHECK(e.trace_id == job(failed).trace_id);
  submission bad;
  bad.stage = "echo";
  bad.trace_id = "no hex";
  CHECK(submit(bad).error->field == "trace_id");
}

TEST_CASE_FIXTURE(bridged_cluster, "trace ids are the same after a restart of the scheduler") {
  puppet held{*this, "p"};
  resources r;
  submission s;
  s.stage = "echo";
  s.options = json_text::of({{"text", "x"}});
  s.resources.cpu = milli{100'000};  // waits
  auto const computed = submit(s).id;
  s.trace_id = "0123456789abcdef0123456789abcdef";
  auto const given = submit(s).id;
  auto const before = job(computed).trace_id;
  CHECK(before.size() == 32);
  kill_scheduler();
  start_scheduler();
  ask<answer>(cancel_jobs{"default", {computed, given}});
  for (auto const& e : told("work.job.canceled"))
    CHECK(e.trace_id == (e.job == given ? s.trace_id : before));
  CHECK(told("work.job.canceled").size() == 2);
}

TEST_CASE_FIXTURE(bridged_cluster, "a node that leaves is drained once nothing is left on it") {
  puppet b{*this, "b"};
  ask<answer>(leave_cluster{b.info.uuid, b.session});
  std::vector<std::string> names;
  for (auto const& e : told("work.node.*"))
    if (e.node == "b")
      names.push_back(e.name);
  CHECK(names ==
        std::vector<std::string>{"work.node.joined", "work.node.left", "work.node.drained"});
}

TEST_CASE_FIXTURE(bridged_cluster,
                  "a handler that throws is detached and reported; others and the jobs go on") {
  int thrown = 0;
  int calls = 0;
  attach("bad", {"work.job.*"}, [&](event const&) {
    ++thrown;
    throw std::runtime_error("no");
  });
  attach("good", {"work.job.completed"}, [&](event const&) { ++calls; });
  CHECK(attach("good", {"*"}, [](event const&) {}).error->category == "refused");
  for (int i = 0; i < 3; ++i)
    CHECK(job(submit("echo", {{"text", "x"}}).id).status == job_status::succeeded);
  CHECK(thrown == 1);
  CHECK(calls == 3);
  auto const reports = told("work.telemetry.*");
  REQUIRE(reports.size() == 1);
  CHECK(reports[0].detail == "bad: it threw: no");
  // The name is free again.
  CHECK_FALSE(attach("bad", {"*"}, [](event const&) {}).error);
}

TEST_CASE_FIXTURE(bridged_cluster, "a final failure is told once, after its retries") {
  std::vector<std::string> names;
  attach("h", {"work.job.failed", "work.job.retry", "crucible.stage.failed"},
         [&](event const& e) { names.push_back(e.name); });
  constraints limits;
  limits.max_retries = 1;
  submit("fail", {{"message", "no"}}, limits);
  advance(10s);
  CHECK(names ==
        std::vector<std::string>{"work.job.retry", "work.job.failed", "crucible.stage.failed"});
}

TEST_CASE_FIXTURE(bridged_cluster,
                  "over a restart of the scheduler a handler goes on after its last event") {
  std::vector<std::uint64_t> seen;
  std::vector<std::string> names;
  attach("h", {"work.job.*"}, [&](event const& e) {
    seen.push_back(e.sequence);
    names.push_back(e.name);
  });
  SUBCASE("when it has had some") {
    echo();
    REQUIRE(seen.size() == 4);
  }
  SUBCASE("when it has had none") {}
  auto const before = seen.size();
  kill_scheduler();
  start_scheduler();
  // What happens before the bridge has found the new one is not missed.
  echo();
  for (auto const& each : seekers)
    caf::anon_send(each, actors::scheduler_found{scheduler});
  run();
  REQUIRE(seen.size() > before);
  CHECK(names[before] == "work.job.submitted");
  CHECK(std::is_sorted(seen.begin(), seen.end()));
  CHECK(std::adjacent_find(seen.begin(), seen.end()) == seen.end());
}

TEST_CASE_FIXTURE(bridged_cluster, "a name is taken for every process of the tenant") {
  int calls = 0;
  auto const other = start_bridge(false);
  attach("h", {"work.job.completed"}, [&](event const&) { ++calls; });
  auto const taken =
      ask_of<answer>(other, actors::attach_handler{"h", {"*"}, [](event const&) {}, 5000ms});
  REQUIRE(taken.error);
  CHECK(taken.error->code == "conflict");
  // One process detaches the other's handler; its own process knows that it is gone.
  CHECK_FALSE(ask_of<answer>(other, actors::detach_handler{"h"}).error);
  echo();
  CHECK(calls == 0);
  CHECK(detach("h").error->category == "not_found");
  CHECK(told("work.telemetry.*").empty());
  end(other);
}

TEST_CASE_FIXTURE(bridged_cluster, "an attached actor that ends is detached and reported") {
  auto const remote = keep(
      sys.spawn([](caf::event_based_actor*) -> caf::behavior { return {[](events const&) {}}; }));
  CHECK_FALSE(ask<events>(watch_events{{}, "crucible.*", true, 0, "remote"}, remote).error);
  end(remote);
  auto const reports = told("work.telemetry.*");
  REQUIRE(reports.size() == 1);
  CHECK(reports[0].detail.find("remote: ") == 0);
  CHECK(reports[0].trace_id.empty());
  CHECK(ask<answer>(detach_reader{{}, "remote", {}}).error->category == "not_found");
}

TEST_CASE_FIXTURE(bridged_cluster,
                  "what becomes of a tenant's handler is told to that tenant (P8)") {
  auto const remote = keep(
      sys.spawn([](caf::event_based_actor*) -> caf::behavior { return {[](events const&) {}}; }));
  ask<events>(watch_events{"mine", "*", true, 0, "remote"}, remote);
  end(remote);
  auto const seen_by = [&](std::string const& tenant) {
    return ask<events>(watch_events{tenant, "work.telemetry.*", false, 0, {}}, caf::actor{})
        .list.size();
  };
  CHECK(seen_by("mine") == 1);
  CHECK(seen_by("other") == 0);
  CHECK(seen_by("") == 1);
}

TEST_CASE_FIXTURE(threaded_cluster, "handlers on threads get every event, in order") {
  std::mutex mutex;
  std::vector<std::uint64_t> seen;
  attach("h", {"work.job.*"}, [&](event const& e) {
    std::lock_guard const lock{mutex};
    seen.push_back(e.sequence);
  });
  submission s;
  s.stage = "echo";
  s.options = json_text::of({{"text", "x"}});
  s.array = array_spec{0, 2999, 1, 0, {}};
  submit(s);
  CHECK(runs_until([&] {
    std::lock_guard const lock{mutex};
    return seen.size() == 3 + 3000 * 4;
  }));
  CHECK(std::is_sorted(seen.begin(), seen.end()));
  CHECK(std::adjacent_find(seen.begin(), seen.end()) == seen.end());
}

TEST_CASE_FIXTURE(threaded_cluster,
                  "a handler that blocks is detached at its limit and delays nobody") {
  std::atomic<int> entered = 0;
  std::atomic<int> calls = 0;
  // Shared, since the abandoned thread outlives this test.
  auto const gate = std::make_shared<std::promise<void>>();
  auto const opened = std::make_shared<std::shared_future<void>>(gate->get_future().share());
  auto const done = std::make_shared<std::promise<void>>();
  attach("stuck", {"work.job.*"}, [&entered, opened, done](event const&) {
    ++entered;
    opened->wait();
    done->set_value();
  });
  attach("good", {"work.job.completed"}, [&](event const&) { ++calls; });
  echo();
  REQUIRE(runs_until([&] { return entered == 1 && calls == 1; }));
  echo();
  CHECK(runs_until([&] { return calls == 2; }));
  // The bridge looks every second, and the first look begins the count.
  for (int i = 0; i < 5; ++i)
    advance(1s);
  CHECK(told("work.telemetry.*").empty());
  advance(1s);
  auto const reports = told("work.telemetry.*");
  REQUIRE(reports.size() == 1);
  CHECK(reports[0].detail == "stuck: one call took longer than 5000 ms; its thread is abandoned");
  CHECK(detach("stuck").error->category == "not_found");
  // The name is free, and the abandoned thread harms nobody when it comes back.
  CHECK_FALSE(attach("stuck", {"work.job.completed"}, [](event const&) {}).error);
  gate->set_value();
  done->get_future().wait();
  CHECK(entered == 1);
  echo();
  CHECK(runs_until([&] { return calls == 3; }));
}

TEST_CASE_FIXTURE(threaded_cluster,
                  "a detached handler is not running any more when that is told") {
  std::atomic<int> entered = 0;
  std::promise<void> gate;
  auto const opened = gate.get_future().share();
  attach("h", {"work.job.*"}, [&entered, opened](event const&) {
    ++entered;
    opened.wait();
  });
  echo();
  REQUIRE(runs_until([&] { return entered == 1; }));
  caf::scoped_actor self{sys};
  auto handle = self->request(bridge, caf::infinite, actors::detach_handler{"h"});
  run();
  bool told_over = false;
  CHECK(self->mailbox().empty());
  gate.set_value();
  REQUIRE(runs_until([&] { return !self->mailbox().empty(); }));
  handle.receive(
      [&](answer const& a) {
        told_over = true;
        CHECK_FALSE(a.error);
      },
      [&](caf::error const& e) { FAIL(sys.render(e)); });
  CHECK(told_over);
  CHECK(entered == 1);
}

TEST_CASE_FIXTURE(threaded_cluster, "a handler on a thread that throws is detached and reported") {
  attach("bad", {"work.job.*"}, [](event const&) { throw std::runtime_error("no"); });
  echo();
  CHECK(runs_until([&] { return told("work.telemetry.*").size() == 1; }));
  CHECK(told("work.telemetry.*")[0].detail == "bad: it threw: no");
}
