#include "actors/telemetry_bridge.hpp"

#include <algorithm>
#include <stdexcept>

#include <doctest/doctest.h>

#include "tests/actors/virtual_cluster.hpp"

using namespace nsai;
using namespace nsai::tests;

namespace {

struct bridged_cluster : virtual_cluster {
  std::vector<caf::actor> seekers;
  caf::actor bridge = keep(sys.spawn(
      actors::telemetry_bridge,
      [this](caf::actor me) {
        if (scheduler)
          caf::anon_send(me, actors::scheduler_found{scheduler});
        else
          seekers.push_back(me);
      },
      only_new_events, std::vector<actors::attach_handler>{}));
  bridged_cluster() {
    run();
    start_executor("a");
  }
  ~bridged_cluster() { end(bridge); }
  answer attach(std::string name, std::vector<std::string> patterns,
                actors::event_handler handler) {
    return ask_of<answer>(
        bridge, actors::attach_handler{std::move(name), std::move(patterns), std::move(handler)});
  }
};

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
  CHECK_FALSE(ask_of<answer>(bridge, actors::detach_handler{"h"}).error);
  names.clear();
  submit("echo", {{"text", "x"}});
  CHECK(names.empty());
  CHECK(ask_of<answer>(bridge, actors::detach_handler{"h"}).error->category == "not_found");
}

TEST_CASE_FIXTURE(bridged_cluster, "a handler that throws is detached; others and the jobs go on") {
  int thrown = 0;
  int calls = 0;
  attach("bad", {"*"}, [&](event const&) {
    ++thrown;
    throw std::runtime_error("no");
  });
  attach("good", {"work.job.completed"}, [&](event const&) { ++calls; });
  CHECK(attach("good", {"*"}, [](event const&) {}).error->category == "refused");
  for (int i = 0; i < 3; ++i)
    CHECK(job(submit("echo", {{"text", "x"}}).id).status == job_status::succeeded);
  CHECK(thrown == 1);
  CHECK(calls == 3);
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
  advance(std::chrono::seconds{10});
  CHECK(names ==
        std::vector<std::string>{"work.job.retry", "work.job.failed", "crucible.stage.failed"});
}

TEST_CASE_FIXTURE(bridged_cluster,
                  "over a restart of the scheduler a handler goes on after its last event") {
  std::vector<std::uint64_t> seen;
  attach("h", {"work.*"}, [&](event const& e) { seen.push_back(e.sequence); });
  submit("echo", {{"text", "x"}});
  auto const before = seen.size();
  REQUIRE(before == 4);
  kill_scheduler();
  start_scheduler();
  // What happens before the bridge has found the new one is not missed.
  submit("echo", {{"text", "y"}});
  for (auto const& each : seekers)
    caf::anon_send(each, actors::scheduler_found{scheduler});
  run();
  CHECK(seen.size() > before);
  CHECK(std::is_sorted(seen.begin(), seen.end()));
  CHECK(std::adjacent_find(seen.begin(), seen.end()) == seen.end());
}
