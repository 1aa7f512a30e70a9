// Nodes out of service, through scheduler, store and executor, in virtual time.
#include <doctest/doctest.h>

#include "tests/actors/virtual_cluster.hpp"

using namespace nsai;
using namespace nsai::tests;
using namespace std::chrono_literals;

namespace {

drain_nodes order(std::string const& name, std::optional<std::int64_t> deadline_ms = {}) {
  return {{name}, deadline_ms, "new fans", {}};
}

node_record node_of(virtual_cluster& c) {
  return c.ask<node_list>(list_nodes{}).nodes.at(0);
}

}  // namespace

TEST_CASE("drain: answered when it is durable; kept over a restart; resumed by name or uuid") {
  virtual_cluster c;
  {
    puppet a{c, "a"};
    CHECK_FALSE(c.ask<answer>(order("a")).error);
    CHECK(node_of(c).status == node_status::draining);
    c.kill_scheduler();
    c.start_scheduler();
    CHECK(node_of(c).status == node_status::lost);  // known by its order
    CHECK(node_of(c).drain->reason == "new fans");
    a.join();
    CHECK(node_of(c).status == node_status::draining);
    auto const id = c.submit("echo", {{"text", "hi"}}).id;
    CHECK(c.job(id).status == job_status::queued);
    CHECK_FALSE(c.ask<answer>(resume_nodes{{"uuid-a"}}).error);
    CHECK(a.started == std::vector<attempt_ref>{{id, 1}});
    c.kill_scheduler();
    c.start_scheduler();
    a.join({{id, 1}});
    CHECK(node_of(c).status == node_status::ready);
  }
  CHECK(c.ask<answer>(resume_nodes{{"a"}}).error->code == "not_draining");
  CHECK(c.ask<answer>(order("nobody")).error->code == "unknown_node");
}

TEST_CASE("drain: what was stopped at the deadline is no failure, also over a restart in between") {
  virtual_cluster c;
  puppet a{c, "a"};
  constraints frail;
  frail.max_retries = 0;
  frail.max_infra_retries = 0;
  auto const id = c.submit("echo", {{"text", "hi"}}, frail).id;
  REQUIRE(a.started == std::vector<attempt_ref>{{id, 1}});
  c.ask<answer>(order("a", 2000));
  c.advance(1999ms);
  CHECK(a.stopped.empty());
  c.advance(1ms);
  CHECK(a.stopped == std::vector<attempt_ref>{{id, 1}});
  c.kill_scheduler();
  c.start_scheduler();
  CHECK(a.join({{id, 1}}) == std::vector<attempt_ref>{{id, 1}});  // said again
  c.ask<answer>(resume_nodes{{"a"}});
  a.report({id, 1}, attempt_result::failed);
  CHECK(a.started.back() == attempt_ref{id, 2});
  auto const record = c.job(id);
  CHECK(record.status == job_status::running);
  CHECK(record.attempts.at(0).outcome == attempt_result::returned);
  CHECK(record.attempts.at(0).error->code == "drained");
}

TEST_CASE("lifetime: the executor says how long it stays, and ends by itself") {
  virtual_cluster c;
  auto const executor = c.start_executor("a", 60'000);
  bool over = false;
  executor->attach_functor([&over](caf::error const&) { over = true; });
  CHECK(node_of(c).leaves_at == c.now() + 60'000);
  constraints longer;
  longer.timeout_ms = 60'001;
  auto const waits = c.submit("echo", {{"text", "hi"}}, longer).id;
  CHECK(c.job(waits).status == job_status::queued);
  longer.timeout_ms = 60'000;
  CHECK(c.job(c.submit("echo", {{"text", "hi"}}, longer).id).status == job_status::succeeded);
  c.advance(59'999ms);
  CHECK_FALSE(over);
  c.advance(1ms);
  CHECK(over);
  CHECK(c.ask<node_list>(list_nodes{}).nodes.empty());
  CHECK(c.job(waits).status == job_status::queued);
}
