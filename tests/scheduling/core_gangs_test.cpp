// Gangs: members that run together, each on a node of its own, or not at all.
#include "tests/scheduling/gangs.hpp"

using namespace nsai;
using namespace nsai::scheduling;
using namespace nsai::scheduling::tests;

TEST_CASE("gang: all members are granted at once, on a node each, and know where to meet") {
  fixture f;
  join_three(f);
  auto const r = f.submit(gang_of(3));
  REQUIRE_FALSE(r.error);
  CHECK(r.children == 3);
  auto const granted = f.seen<attempt_granted>();
  REQUIRE(granted.size() == 3);
  for (std::int32_t rank = 0; rank < 3; ++rank) {
    auto const& g = granted[static_cast<std::size_t>(rank)];
    CHECK(g.ref == attempt_ref{member(r.id, static_cast<std::uint64_t>(rank)), 1});
    REQUIRE(g.gang);
    CHECK(*g.gang == gang_place{rank, 3, *granted[0].node_uuid + ".example", 20'001});
  }
  CHECK(f.status(r.id) == job_status::running);
  CHECK(f.place_of(member(r.id, 0)) != f.place_of(member(r.id, 1)));
  CHECK(f.place_of(member(r.id, 1)) != f.place_of(member(r.id, 2)));
  CHECK(f.place_of(member(r.id, 0)) != f.place_of(member(r.id, 2)));
}

TEST_CASE("gang: nothing is granted while one node too few has room; then all are") {
  fixture f;
  join_three(f);
  auto blocker = f.job();
  blocker.resources.cpu.value = 2000;
  auto const first = f.submitted(blocker);
  auto const r = f.submit(gang_of(3));
  CHECK(f.seen<attempt_granted>().empty());
  CHECK(f.status(r.id) == job_status::queued);
  CHECK(f.status(member(r.id, 2)) == job_status::queued);
  CHECK(f.reason(r.id) == "needs 3 nodes with cpu 1 each; 2 have room now");
  CHECK(f.reason(member(r.id, 1)) == f.reason(r.id));
  f.end(first);
  CHECK(f.seen<attempt_granted>().size() == 3);
}

TEST_CASE("gang: rooms that come one after the other are counted together") {
  fixture f;
  std::vector<job_id> blockers;
  join_three(f);
  auto blocker = f.job();
  blocker.resources.cpu.value = 2000;
  for (int i = 0; i < 3; ++i)
    blockers.push_back(f.submitted(blocker));
  auto const r = f.submit(gang_of(3));
  f.end(blockers[1]);
  CHECK(f.status(r.id) == job_status::queued);
  f.end(blockers[0]);
  CHECK(f.status(r.id) == job_status::queued);
  f.end(blockers[2]);
  CHECK(f.status(r.id) == job_status::running);
}

TEST_CASE("gang: others use the room that is not enough for it") {
  fixture f;
  join_three(f);
  auto blocker = f.job();
  blocker.resources.cpu.value = 2000;
  f.submitted(blocker);
  auto const r = f.submit(gang_of(3));
  auto const small = f.submitted(f.job());
  CHECK(f.runs(small));
  CHECK_FALSE(f.runs(r.id));
}

TEST_CASE(
    "gang: more members than nodes are refused, naming the field; before any node they wait") {
  fixture f;
  auto const early = f.submit(gang_of(5));
  CHECK_FALSE(early.error);
  join_three(f);
  auto const r = f.submit(gang_of(4));
  REQUIRE(r.error);
  CHECK(r.error->field == "nodes");
  CHECK(r.error->message ==
        "nodes: 4 members need as many nodes, the cluster has 3; expected 1 to 3");
  CHECK(f.reason(early.id) ==
        "needs 5 nodes with cpu 1 each; 3 have room now, and only 3 are large enough");
  CHECK_FALSE(f.submit(gang_of(3)).error);
}

TEST_CASE("gang: bad counts are refused before they reach the core") {
  for (auto const nodes : {0, -1, 10'001}) {
    auto s = gang_of(nodes);
    auto const fault = complete_and_check(s);
    REQUIRE(fault);
    CHECK(fault->field == "nodes");
  }
  auto s = gang_of(2);
  s.array.emplace();
  auto const fault = complete_and_check(s);
  REQUIRE(fault);
  CHECK(fault->code == "unsupported");
}

TEST_CASE("gang: ends as succeeded with the last member; those before give their room back") {
  fixture f;
  join_three(f);
  auto const r = f.submit(gang_of(3, 2));
  auto const node = f.place_of(member(r.id, 1));
  f.end(member(r.id, 1));
  CHECK(f.only<attempt_closed>().keeps_result);
  CHECK_FALSE(f.has_ended(member(r.id, 1)));
  CHECK(f.reason(member(r.id, 1)) ==
        "its attempt is over; waiting for the other members of gang 1");
  auto const small = f.submitted(f.job());
  CHECK(f.place_of(small) == node);
  f.end(small);
  f.end(member(r.id, 0));
  CHECK_FALSE(f.has_ended(r.id));
  f.end(member(r.id, 2));
  for (std::uint64_t rank = 0; rank < 3; ++rank) {
    CHECK(f.ended(member(r.id, rank)).status == job_status::succeeded);
    CHECK(f.ended(member(r.id, rank)).from_kept);
  }
  CHECK(f.ended(r.id).status == job_status::succeeded);
  CHECK(f.ended(r.id).result_of == member(r.id, 0));
  CHECK(f.described().live_jobs == 0);
}

TEST_CASE("gang: one failure stops the others, is counted once, and all start anew together") {
  fixture f;
  join_three(f);
  auto const r = f.submit(gang_of(3));
  f.end(member(r.id, 2));
  f.end(member(r.id, 1), attempt_result::failed);
  CHECK(stopped(f) == std::vector<attempt_ref>{{member(r.id, 0), 1}});
  CHECK(f.seen<consult_supervisor>().empty());
  CHECK(f.status(r.id) == job_status::running);
  f.end(member(r.id, 0), attempt_result::failed);  // a consequence
  auto const question = f.only<consult_supervisor>();
  CHECK(question.ref == attempt_ref{r.id, 1});
  CHECK(question.own_failures == 1);
  CHECK(question.error->message == "rank 1 (job 3): it broke");
  CHECK(f.status(r.id) == job_status::pending);
  CHECK(f.status(member(r.id, 2)) == job_status::pending);
  f.decide(r.id, true, 500);
  CHECK(f.reason(member(r.id, 0)).starts_with("backing off until"));
  f.advance(499);
  CHECK_FALSE(f.runs(r.id));
  f.advance(1);
  CHECK(f.seen<attempt_granted>().size() == 3);
  for (std::uint64_t rank = 0; rank < 3; ++rank)
    CHECK(f.granted(member(r.id, rank)).ref.attempt == 2);
  f.end(member(r.id, 0), attempt_result::failed);
  f.end(member(r.id, 1), attempt_result::canceled);
  f.end(member(r.id, 2), attempt_result::canceled);
  CHECK(f.seen<consult_supervisor>().empty());
  CHECK(f.ended(r.id).status == job_status::failed);
  CHECK(f.ended(r.id).error->message == "rank 0 (job 2): it broke");
  CHECK(f.ended(member(r.id, 2)).status == job_status::failed);
}

TEST_CASE("gang: a supervisor that gives up ends all members") {
  fixture f;
  join_three(f);
  auto const r = f.submit(gang_of(2));
  f.end(member(r.id, 0), attempt_result::timed_out);
  f.end(member(r.id, 1), attempt_result::canceled);
  f.decide(r.id, false);
  CHECK(f.ended(r.id).status == job_status::timeout);
  CHECK(f.ended(member(r.id, 1)).status == job_status::timeout);
}

TEST_CASE("gang: the next attempt starts only when every former member is gone") {
  fixture f;
  join_three(f);
  auto s = gang_of(2);
  auto const r = f.submit(s);
  auto const lost = f.place_of(member(r.id, 0));
  auto const other = f.place_of(member(r.id, 1));
  f.disconnect(lost);
  f.silence(lost);
  f.advance(6000);
  CHECK(f.record_of(lost).status == node_status::lost);
  CHECK(f.status(r.id) == job_status::running);
  f.advance(60'000);  // the stopped one takes its time
  CHECK(f.status(r.id) == job_status::running);
  f.end(member(r.id, 1), attempt_result::canceled);
  CHECK(f.status(r.id) == job_status::pending);  // a second of rest
  f.advance(1000);
  CHECK(f.seen<attempt_granted>().size() == 2);
  CHECK(f.granted(member(r.id, 0)).node != lost);
  CHECK((f.granted(member(r.id, 0)).node == other || f.granted(member(r.id, 1)).node == other));
  CHECK(f.consults_.empty());
}

TEST_CASE("gang: members that fail because a node has died are not blamed") {
  fixture f;
  join_three(f);
  auto s = gang_of(2);
  s.constraints.max_retries = 0;
  auto const r = f.submit(s);
  auto const dead = f.place_of(member(r.id, 0));
  f.advance(2000);
  f.silence(dead);
  f.jump(1);
  f.end(member(r.id, 1), attempt_result::failed);  // it lost its connection
  CHECK(f.status(r.id) == job_status::running);
  f.advance(7000);
  CHECK(f.record_of(dead).status == node_status::lost);
  CHECK(f.consults_.empty());
  CHECK(f.runs(r.id));
  CHECK(f.granted(member(r.id, 0)).ref.attempt == 2);
}

TEST_CASE("gang: a failure is the job's own when the node was heard after it") {
  fixture f;
  join_three(f);
  auto s = gang_of(2);
  s.constraints.max_retries = 0;
  auto const r = f.submit(s);
  f.end(member(r.id, 1), attempt_result::failed);
  f.advance(1000);
  f.silence(f.place_of(member(r.id, 0)));
  f.advance(7000);
  CHECK(f.ended(r.id).status == job_status::failed);
  CHECK(f.ended(r.id).error->message == "rank 1 (job 3): it broke");
}

TEST_CASE("gang: a cancel of the parent or of a member stops all, and ends when all are gone") {
  for (auto const of_member : {false, true}) {
    fixture f;
    join_three(f);
    auto const r = f.submit(gang_of(3));
    f.end(member(r.id, 0));
    f.cancel(of_member ? member(r.id, 2) : r.id);
    CHECK(stopped(f).size() == 2);
    f.end(member(r.id, 1), attempt_result::canceled);
    CHECK_FALSE(f.has_ended(r.id));
    f.end(member(r.id, 2), attempt_result::canceled);
    CHECK(f.ended(r.id).status == job_status::canceled);
    CHECK(f.ended(member(r.id, 0)).status == job_status::canceled);
    CHECK_FALSE(f.ended(member(r.id, 0)).from_kept);
  }
}

TEST_CASE("gang: a cancel while it waits ends it at once") {
  fixture f;
  auto const r = f.submit(gang_of(3));
  f.cancel(member(r.id, 1));
  CHECK(f.ended(r.id).status == job_status::canceled);
  CHECK(f.described().live_jobs == 0);
  join_three(f);
  CHECK(f.seen<attempt_granted>().empty());
}

TEST_CASE("gang: the deadline ends all as timeout") {
  fixture f;
  join_three(f);
  auto s = gang_of(2);
  s.constraints.deadline = f.now_ + 3000;
  auto const r = f.submit(s);
  f.advance(3000);
  CHECK(stopped(f).size() == 2);
  f.end(member(r.id, 0), attempt_result::canceled);
  f.end(member(r.id, 1), attempt_result::canceled);
  CHECK(f.ended(r.id).status == job_status::timeout);
  CHECK(f.ended(r.id).error->code == "deadline");
}

TEST_CASE("gang: what a drain takes back of one member, all give back, and nobody is blamed") {
  fixture f;
  join_three(f);
  auto s = gang_of(2);
  s.constraints.max_retries = 0;
  s.constraints.max_infra_retries = 0;
  auto const r = f.submit(s);
  auto const drained = f.place_of(member(r.id, 1));
  f.drain(drained, 0);
  CHECK(stopped(f).size() == 2);
  f.end(member(r.id, 1), attempt_result::failed);
  f.end(member(r.id, 0), attempt_result::canceled);
  CHECK(f.runs(r.id));
  CHECK(f.granted(member(r.id, 0)).ref.attempt == 2);
  CHECK(f.place_of(member(r.id, 0)) != drained);
  CHECK(f.place_of(member(r.id, 1)) != drained);
}

TEST_CASE("gang: a quota holds for all members together") {
  core_settings settings;
  settings.tenants["default"].quota.running = 3;
  settings.tenants["default"].quota.cpu = milli{4000};
  fixture f{settings};
  join_three(f);
  auto const too_large = f.submit(gang_of(3, 2));
  REQUIRE(too_large.error);
  CHECK(too_large.error->field == "resources");
  auto const small = f.submitted(f.job());
  auto const other = f.submitted(f.job());
  auto const r = f.submit(gang_of(2));
  CHECK(f.reason(r.id) ==
        "quota of tenant default: 2 of 3 running jobs are taken, this job needs 2");
  f.end(small);
  CHECK(f.runs(r.id));
  f.end(other);
}

TEST_CASE("gang: one that may borrow still needs as many running jobs as it has members") {
  core_settings settings;
  settings.tenants["default"].quota.running = 2;
  settings.tenants["default"].quota.cpu = milli{1000};
  fixture f{settings};
  join_three(f);
  auto s = gang_of(3);
  s.constraints.preemptible = true;
  CHECK(f.submit(s).error);
  s.nodes = 2;
  auto const r = f.submit(s);
  REQUIRE_FALSE(r.error);
  CHECK(f.runs(r.id));
}

TEST_CASE("gang: it has one place in its concurrency group, from its grant until all are gone") {
  fixture f;
  join_three(f);
  auto s = gang_of(2);
  s.constraints.concurrency_group = "g";
  auto const first = f.submit(s);
  auto const second = f.submit(s);
  CHECK(f.runs(first.id));
  CHECK(f.reason(second.id) == "waiting for a place in group g (1 of 1 running: job 1)");
  f.end(member(first.id, 0));
  CHECK_FALSE(f.runs(second.id));
  f.end(member(first.id, 1), attempt_result::failed);
  CHECK(f.runs(second.id));  // the first waits for its supervisor
  f.decide(first.id, true);
  CHECK_FALSE(f.runs(first.id));
  f.end(member(second.id, 0));
  f.end(member(second.id, 1));
  CHECK(f.runs(first.id));
  f.cancel(first.id);
  f.end(member(first.id, 0), attempt_result::canceled);
  f.end(member(first.id, 1), attempt_result::canceled);
  CHECK(f.described().live_jobs == 0);
}

TEST_CASE("gang: what preempts a member preempts all, and nobody is blamed") {
  core_settings settings;
  settings.tenants["*"].max_priority = priority::realtime;
  settings.immune_ms = 1000;
  fixture f{settings};
  join_three(f);
  auto s = gang_of(3, 2);
  s.constraints.preemptible = true;
  s.constraints.max_retries = 0;
  auto const r = f.submit(s);
  auto urgent = f.job();
  urgent.priority = priority::realtime;
  urgent.resources.cpu.value = 2000;
  auto const first = f.submitted(urgent);
  f.advance(3000);
  CHECK(stopped(f).size() == 3);
  for (std::uint64_t rank = 0; rank < 3; ++rank)
    f.end(member(r.id, rank), attempt_result::failed);
  CHECK(f.runs(first));
  CHECK(f.status(r.id) == job_status::queued);
  CHECK(f.consults_.empty());
  f.end(first);
  CHECK(f.runs(r.id));
  CHECK(f.granted(member(r.id, 1)).ref.attempt == 2);
}

TEST_CASE("gang: dependents wait for the parent, which waits for what it depends on") {
  fixture f;
  join_three(f);
  auto const first = f.submitted(f.job());
  auto s = gang_of(2);
  s.constraints.depends_on = {first};
  auto const r = f.submit(s);
  auto after = f.job();
  after.constraints.depends_on = {r.id};
  auto const last = f.submitted(after);
  CHECK(f.reason(member(r.id, 0)) == "waiting for job 1");
  f.end(first);
  CHECK(f.runs(r.id));
  f.end(member(r.id, 0));
  CHECK(f.status(last) == job_status::pending);
  f.end(member(r.id, 1));
  CHECK(f.runs(last));
}

TEST_CASE("gang: rank 0 goes where a port is offered; without any it waits for one") {
  fixture f;
  for (auto const* const name : {"a", "b"}) {
    auto n = f.node(name, 2);
    n.ports.clear();
    f.join(n);
  }
  auto const r = f.submit(gang_of(2));
  CHECK(f.reason(r.id) ==
        "needs 2 nodes with cpu 1 each; 2 have room now, but none of these has offered a port for "
        "rank 0 yet");
  f.apply(node_beat{"b", f.session("b"), {}, {30'000}});
  CHECK(f.place_of(member(r.id, 0)) == "b");
  CHECK(f.seen<attempt_granted>().at(1).gang->master_port == 30'000);
}

TEST_CASE("gang: a port is given to one gang only") {
  fixture f;
  join_three(f);
  std::set<std::pair<std::string, std::uint32_t>> meetings;
  for (int i = 0; i < 3; ++i) {
    f.submit(gang_of(2, 0));
    auto const granted = f.seen<attempt_granted>();
    REQUIRE(granted.size() == 2);
    CHECK(meetings.emplace(granted[0].gang->master_addr, granted[0].gang->master_port).second);
  }
}

TEST_CASE("gang: lost nodes count once an attempt, up to the limit") {
  fixture f;
  join_three(f);
  auto s = gang_of(2);
  s.constraints.max_infra_retries = 1;
  auto const r = f.submit(s);
  for (int i = 0; i < 2; ++i) {
    f.end(member(r.id, 0), attempt_result::device_fault);
    f.end(member(r.id, 1), attempt_result::device_fault);
    f.advance(1000);
  }
  CHECK(f.ended(r.id).error->code == "too_many_infra_failures");
}

TEST_CASE("gang: a late outcome of a member whose attempt is over is refused") {
  fixture f;
  join_three(f);
  auto const r = f.submit(gang_of(2));
  f.end(member(r.id, 0));
  f.end(member(r.id, 0), attempt_result::failed);
  CHECK_FALSE(f.only<outcome_settled>().accepted);
  f.end_as("nobody", f.outcome_of({member(r.id, 0), 1}, attempt_result::failed));
  CHECK_FALSE(f.only<outcome_settled>().accepted);
  CHECK(f.runs(r.id));
}
