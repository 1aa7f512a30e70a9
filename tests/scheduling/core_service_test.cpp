// Nodes out of service: drained by order, in a window, at the end that they announced.
#include "simulation/model_store.hpp"
#include "tests/scheduling/fixture.hpp"

using namespace nsai;
using namespace nsai::scheduling;
using nsai::simulation::model_store;
using namespace nsai::scheduling::tests;

namespace {

/// A fixture with a store beside it that hears every effect.
struct kept : fixture {
  job_id put(submission s) {
    REQUIRE_FALSE(complete_and_check(s));
    apply(job_submitted{&s, {}, 0, {}});
    keep(&s);
    REQUIRE_FALSE(refusal());
    return core_.last_answer().id;
  }
  void keep(submission const* s = nullptr, attempt_outcome const* o = nullptr) {
    store.record(effects_, now_, s, o);
  }
  void join_kept(node_info n, std::vector<held_attempt> held = {}) {
    join(std::move(n), std::move(held));
    keep();
  }
  void report(job_id job, attempt_result result) { report_ref(granted(job).ref, job, result); }
  void report_ref(attempt_ref ref, job_id job, attempt_result result) {
    auto const o = outcome_of(ref, result);
    end_as(granted(job).node, o);
    keep(nullptr, &o);
  }
  void pass(std::int64_t ms) {
    advance(ms);
    keep();
  }
  void restart() {
    effects_.clear();
    core_ = store.restore({}, now_, effects_);
    core_.check_invariants();
    keep();
  }
  bool saw(happening what) const {
    auto const all = seen<happened>();
    return std::any_of(all.begin(), all.end(), [&](auto const& h) { return h.what == what; });
  }
  std::int32_t infra_failures(job_id id) const { return store.at(id).facts.infra_failures; }

  model_store store;
};

submission timed(std::int64_t timeout_ms) {
  auto s = fixture::job();
  s.constraints.timeout_ms = timeout_ms;
  return s;
}

/// Any failure of the infrastructure would be the job's last.
submission frail() {
  auto s = fixture::job();
  s.constraints.max_infra_retries = 0;
  s.constraints.max_retries = 0;
  return s;
}

}  // namespace

TEST_CASE("drain: no new grants, what runs finishes, then the node is told drained") {
  kept f;
  f.join_kept(f.node("a", 2));
  auto const runs = f.put(f.job());
  f.drain("a", {}, "a new fan");
  CHECK_FALSE(f.refusal());
  CHECK(f.saw(happening::node_draining));
  f.keep();
  auto const waits = f.put(f.job());
  CHECK(f.status(waits) == job_status::queued);
  CHECK(f.reason(waits) ==
        "the nodes that could run it are not in service for it: node a drains (a new fan)");
  CHECK(f.record_of("a").status == node_status::draining);
  CHECK(f.record_of("a").drain->since == f.now_);
  CHECK_FALSE(f.record_of("a").drain->deadline);
  f.pass(100'000);
  CHECK(f.runs(runs));
  CHECK(f.seen<attempt_stopped>().empty());
  f.report(runs, attempt_result::succeeded);
  CHECK(f.saw(happening::node_drained));
  CHECK(f.status(waits) == job_status::queued);
  f.resume("a");
  CHECK(f.saw(happening::node_resumed));
  CHECK(f.runs(waits));
  CHECK(f.record_of("a").status == node_status::ready);
  CHECK_FALSE(f.record_of("a").drain);
  f.keep();
  CHECK(f.store.orders().empty());
}

TEST_CASE("drain: at the deadline, on its millisecond, what is left is stopped and queued again") {
  kept f;
  f.join_kept(f.node("a", 1));
  auto const id = f.put(frail());
  f.drain("a", 5000);
  f.keep();
  f.join_kept(f.node("b", 1));
  f.pass(4999);
  CHECK(f.seen<attempt_stopped>().empty());
  f.pass(1);
  CHECK(f.only<attempt_stopped>().ref == attempt_ref{id, 1});
  CHECK(f.only<job_changed>().handed_back);
  CHECK(f.runs(id));  // its processes have their grace period
  f.pass(3000);
  CHECK(f.seen<attempt_stopped>().empty());  // said once
  f.report(id, attempt_result::canceled);
  auto const closed = f.only<attempt_closed>();
  CHECK(closed.result == attempt_result::returned);
  CHECK(closed.error->code == "drained");
  CHECK(f.place_of(id) == "b");  // at once
  CHECK(f.granted(id).ref.attempt == 2);
  CHECK(f.infra_failures(id) == 0);
  f.report(id, attempt_result::succeeded);
  CHECK(f.status(id) == job_status::succeeded);
}

TEST_CASE("drain: a deadline of 0 stops at once") {
  kept f;
  f.join_kept(f.node("a", 1));
  auto const id = f.put(frail());
  f.drain("a", 0);
  CHECK(f.only<attempt_stopped>().ref.job == id);
}

TEST_CASE("drain: whatever a stopped attempt ends with but success is no failure") {
  for (auto const result :
       {attempt_result::canceled, attempt_result::failed, attempt_result::timed_out,
        attempt_result::returned, attempt_result::lost, attempt_result::device_fault}) {
    CAPTURE(to_string(result));
    kept f;
    f.join_kept(f.node("a", 1));
    auto const id = f.put(frail());
    f.drain("a", 0);
    f.keep();
    f.report(id, result);
    CHECK(f.status(id) == job_status::queued);
    CHECK(f.consults_.empty());
    f.resume("a");
    CHECK(f.runs(id));
  }
}

TEST_CASE("drain: a cancel, a deadline of the job and a success win over the hand-back") {
  kept f;
  f.join_kept(f.node("a", 3));
  auto const done = f.put(frail());
  auto const canceled = f.put(frail());
  auto late = frail();
  late.constraints.deadline = f.now_ + 500;
  auto const expired = f.put(late);
  f.drain("a", 0);
  f.keep();
  f.cancel(canceled);
  f.keep();
  f.pass(600);
  f.report(done, attempt_result::succeeded);
  f.report(canceled, attempt_result::canceled);
  f.report(expired, attempt_result::canceled);
  CHECK(f.status(done) == job_status::succeeded);
  CHECK(f.status(canceled) == job_status::canceled);
  CHECK(f.status(expired) == job_status::timeout);
  CHECK(f.saw(happening::node_drained));
}

TEST_CASE("drain: the node is lost after its deadline: still no failure, and no poison") {
  kept f;
  auto const id = [&] {
    f.join_kept(f.node("a", 1));
    return f.put(frail());
  }();
  for (int i = 0; i < 5; ++i) {
    f.drain("a", 0);
    f.keep();
    auto n = f.node("a", 1);
    n.incarnation = static_cast<std::uint64_t>(2 + i);
    f.join_kept(n);
    CHECK(f.status(id) == job_status::queued);
    f.resume("a");
    f.keep();
    CHECK(f.runs(id));
  }
  CHECK(f.granted(id).ref.attempt == 6);
}

TEST_CASE("drain: a node that is lost before the deadline counts as any loss") {
  kept f;
  f.join_kept(f.node("a", 1));
  auto const id = f.put(f.job());
  f.drain("a", 60'000);
  f.keep();
  f.silence("a");
  f.pass(5000);
  CHECK(f.infra_failures(id) == 1);
  CHECK(f.record_of("a").status == node_status::lost);
  CHECK(f.record_of("a").drain);
}

TEST_CASE("drain: the hand-back of a draining node that is shut down is no failure") {
  kept f;
  f.join_kept(f.node("a", 1));
  auto const id = f.put(frail());
  f.drain("a");
  f.keep();
  f.leave("a");
  f.keep();
  f.report(id, attempt_result::returned);
  CHECK(f.status(id) == job_status::queued);
  CHECK(f.infra_failures(id) == 0);
  // It is not there, yet it is known: by its order.
  CHECK(f.record_of("a").status == node_status::lost);
  f.join_kept(f.node("a", 1));
  CHECK(f.status(id) == job_status::queued);
  CHECK(f.record_of("a").status == node_status::draining);
  f.resume("a");
  CHECK(f.runs(id));
}

TEST_CASE(
    "drain: a repeat sets the deadline anew and keeps the reason; no deadline takes it away") {
  kept f;
  f.join_kept(f.node("a", 1));
  auto const id = f.put(f.job());
  f.drain("a", 1000, "x");
  auto const since = f.now_;
  f.pass(500);
  f.drain("a", 10'000);
  CHECK_FALSE(f.refusal());
  f.pass(9999);
  CHECK(f.record_of("a").drain->reason == "x");
  CHECK(f.record_of("a").drain->since == since);
  CHECK(f.seen<attempt_stopped>().empty());
  f.drain("a");
  f.pass(60'000);
  CHECK(f.seen<attempt_stopped>().empty());
  CHECK(f.runs(id));
}

TEST_CASE("drain: unknown nodes and impossible wishes are refused by name, and nothing changes") {
  kept f;
  f.join_kept(f.node("a", 1));
  f.apply(drain_ordered{{"a", "nobody"}});
  REQUIRE(f.refusal());
  CHECK(f.refusal()->category == "not_found");
  CHECK(f.refusal()->message.find("nobody") != std::string::npos);
  CHECK(f.record_of("a").status == node_status::ready);
  CHECK(f.seen<node_order_changed>().empty());
  f.apply(drain_ordered{});
  CHECK(f.refusal()->category == "usage");
  f.drain("a", -1);
  CHECK(f.refusal()->field == "deadline_ms");
  f.drain("a", {}, std::string(501, 'x'));
  CHECK(f.refusal()->field == "reason");
  f.announce("a", {f.now_ + 10, f.now_ + 10});
  CHECK(f.refusal()->field == "window.until");
  f.announce("a", {f.now_ + -10, f.now_});
  CHECK(f.refusal()->field == "window.until");
  f.apply(drain_ordered{{"a"}, 5, {}, maintenance_window{f.now_, f.now_ + 10}});
  CHECK(f.refusal()->field == "deadline_ms");
  f.resume("nobody");
  CHECK(f.refusal()->code == "unknown_node");
  f.resume("a");
  CHECK(f.refusal()->category == "refused");
  CHECK(f.refusal()->code == "not_draining");
}

TEST_CASE("drain: several nodes at once, by name or uuid; the others take over") {
  kept f;
  for (auto const* name : {"a", "b", "c"})
    f.join_kept(f.node(name, 1));
  f.apply(drain_ordered{{"a", "b", "a"}});
  CHECK(f.seen<node_order_changed>().size() == 2);
  f.keep();
  CHECK(f.place_of(f.put(f.job())) == "c");
  f.apply(resume_ordered{{"a", "b"}});
  CHECK_FALSE(f.refusal());
}

TEST_CASE("drain: what waits ahead on the node finishes, and nothing more goes ahead") {
  kept f;
  f.join_kept(f.node("a", 1));
  for (int i = 0; i < 3; ++i) {
    auto const id = f.put(f.job("brief"));
    f.report(id, attempt_result::succeeded);
  }
  auto const first = f.put(f.job("brief"));
  auto const second = f.put(f.job("brief"));
  REQUIRE(f.runs(second));
  f.drain("a");
  f.keep();
  auto const third = f.put(f.job("brief"));
  CHECK(f.status(third) == job_status::queued);
  f.report(first, attempt_result::succeeded);
  f.report(second, attempt_result::succeeded);
  CHECK(f.saw(happening::node_drained));
  CHECK(f.status(third) == job_status::queued);
}

TEST_CASE("drain: a busy node in service is why a job waits, and the drained one is named too") {
  kept f;
  f.join_kept(f.node("a", 1));
  f.join_kept(f.node("b", 1));
  f.drain("b");
  f.keep();
  f.put(f.job());
  auto const waits = f.put(f.job());
  CHECK(f.reason(waits) ==
        "all fitting nodes are busy: needs cpu 1; node a has cpu 0 free; node b drains");
}

TEST_CASE("drain over a restart of the scheduler: the order, its deadline and the marks hold") {
  kept f;
  f.join_kept(f.node("a", 1));
  auto const id = f.put(frail());
  auto const held = f.held(id);
  f.drain("a", 10'000, "x");
  f.keep();
  f.pass(2000);
  f.restart();
  f.join_kept(f.node("a", 1), {held});
  CHECK(f.runs(id));
  CHECK(f.record_of("a").drain->reason == "x");
  f.pass(7999);
  CHECK(f.seen<attempt_stopped>().empty());
  f.pass(1);
  CHECK(f.only<attempt_stopped>().ref.job == id);
  // Between mark and outcome.
  f.restart();
  f.join_kept(f.node("a", 1), {held});
  CHECK(f.only<attempt_stopped>().ref.job == id);  // said again: it may have been lost
  // The drain ends meanwhile: the attempt was stopped all the same.
  f.resume("a");
  f.keep();
  f.restart();
  f.join_kept(f.node("a", 1), {held});
  f.report(id, attempt_result::canceled);
  CHECK(f.granted(id).ref.attempt == 2);
  CHECK(f.runs(id));
  CHECK(f.infra_failures(id) == 0);
  // The next attempt is a new one: its stop by whatever else counts.
  f.report(id, attempt_result::lost);
  CHECK(f.ended(id).error->code == "too_many_infra_failures");
}

TEST_CASE("drain over a restart: the deadline passes while the scheduler or the node is away") {
  kept f;
  f.join_kept(f.node("a", 1));
  auto const id = f.put(frail());
  auto const held = f.held(id);
  f.drain("a", 10'000);
  f.keep();
  SUBCASE("the scheduler, and the node comes back with the attempt") {
    f.jump(20'000);
    f.restart();
    CHECK(f.store.at(id).facts.handed_back);
    f.join_kept(f.node("a", 1), {held});
    CHECK(f.only<attempt_stopped>().ref.job == id);
    f.report(id, attempt_result::canceled);
  }
  SUBCASE("the node has ended the attempt meanwhile: its outcome comes before its registration") {
    f.jump(20'000);
    f.restart();
    f.report(id, attempt_result::returned);
  }
  SUBCASE("the node never comes back") {
    f.restart();
    f.pass(10'000);
    CHECK(f.store.at(id).facts.handed_back);
    f.pass(50'000);
  }
  CHECK(f.status(id) == job_status::queued);
  CHECK(f.infra_failures(id) == 0);
}

TEST_CASE("window: what would run into it does not start, what is over before does") {
  kept f;
  f.join_kept(f.node("a", 4));
  f.announce("a", {f.now_ + 60'000, f.now_ + 120'000});
  CHECK_FALSE(f.refusal());
  f.keep();
  CHECK(f.runs(f.put(timed(60'000))));
  auto const longer = f.put(timed(60'001));
  auto const endless = f.put(timed(0));
  CHECK(f.status(longer) == job_status::queued);
  CHECK(f.status(endless) == job_status::queued);
  CHECK(f.reason(longer).find("has maintenance from") != std::string::npos);
  CHECK(f.reason(longer).find("may take 1 min") != std::string::npos);
  CHECK(f.reason(endless).find("has no timeout") != std::string::npos);
  CHECK(f.record_of("a").maintenance.size() == 1);
  f.pass(1);
  CHECK(f.status(f.put(timed(60'000))) == job_status::queued);
  CHECK(f.runs(f.put(timed(59'999))));
}

TEST_CASE(
    "window: at its beginning the rest is handed back, at its end the node resumes by itself") {
  kept f;
  auto n = f.node("a", 2);
  SUBCASE("of the node's config") {
    n.maintenance = {{f.now_ + 60'000, f.now_ + 120'000}};
  }
  SUBCASE("announced") {}
  auto longer = frail();
  longer.constraints.timeout_ms = 600'000;
  f.join_kept(f.node("a", 2));
  auto const early = f.put(longer);  // started before anything was announced
  auto const held = f.held(early);
  if (n.maintenance.empty())
    f.announce("a", {f.now_ + 60'000, f.now_ + 120'000});
  else
    f.join_kept(n, {held});
  f.keep();
  f.pass(59'999);
  if (f.record_of("a").maintenance.empty())
    return;  // a config is read at a start: this session has the old one
  CHECK(f.seen<attempt_stopped>().empty());
  f.pass(1);
  CHECK(f.only<attempt_stopped>().ref.job == early);
  CHECK(f.record_of("a").status == node_status::draining);
  f.report(early, attempt_result::canceled);
  CHECK(f.status(early) == job_status::queued);
  f.pass(59'999);
  CHECK(f.status(early) == job_status::queued);
  f.pass(1);
  CHECK(f.runs(early));
  CHECK(f.infra_failures(early) == 0);
  CHECK(f.store.orders().empty());
}

TEST_CASE("window: resume ends the one that runs and keeps the next; outside it takes them back") {
  kept f;
  auto n = f.node("a", 2);
  n.maintenance = {{f.now_ + 100, f.now_ + 5000}};
  f.join_kept(n);
  f.announce("a", {f.now_ + 10'000, f.now_ + 20'000});
  f.keep();
  f.pass(200);
  CHECK(f.record_of("a").status == node_status::draining);
  f.resume("a");
  f.keep();
  CHECK(f.record_of("a").status == node_status::ready);
  CHECK(f.record_of("a").maintenance.size() == 1);
  f.restart();
  f.join_kept(n);
  CHECK(f.record_of("a").status == node_status::ready);
  f.pass(6000);
  f.resume("a");
  CHECK_FALSE(f.refusal());
  CHECK(f.record_of("a").maintenance.empty());
  f.keep();
  CHECK(f.store.orders().empty());
  f.resume("a");
  CHECK(f.refusal()->code == "not_draining");
}

TEST_CASE("window: it survives a restart of the scheduler and of the node") {
  kept f;
  f.join_kept(f.node("a", 1));
  f.announce("a", {f.now_ + 1000, f.now_ + 2000});
  f.keep();
  f.restart();
  auto n = f.node("a", 1);
  n.incarnation = 2;
  f.join_kept(n);
  auto const id = f.put(timed(1001));
  CHECK(f.status(id) == job_status::queued);
  f.pass(1500);
  CHECK(f.record_of("a").status == node_status::draining);
  f.pass(500);
  CHECK(f.runs(id));
}

TEST_CASE("lifetime: only what is over before the node leaves starts there") {
  kept f;
  auto n = f.node("a", 8);
  n.leaves_in_ms = 60'000;
  f.join_kept(n);
  CHECK(f.runs(f.put(timed(60'000))));
  auto const longer = f.put(timed(60'001));
  CHECK(f.status(longer) == job_status::queued);
  CHECK(f.reason(longer).find("node a leaves at") != std::string::npos);
  CHECK(f.record_of("a").leaves_at == f.now_ + 60'000);
  f.pass(30'000);
  CHECK(f.status(f.put(timed(30'001))) == job_status::queued);
  CHECK(f.runs(f.put(timed(30'000))));
  f.join_kept(f.node("b", 1));
  CHECK(f.place_of(longer) == "b");
}

TEST_CASE("lifetime: what the node hands back at its end is no failure, nor its loss then") {
  kept f;
  auto n = f.node("a", 2);
  f.join_kept(n);
  auto const returned = f.put(frail());
  auto const lost = f.put(frail());
  n.leaves_in_ms = 10'000;
  f.join_kept(n, {f.held(returned), f.held(lost)});
  f.pass(10'000);
  f.leave("a");
  f.keep();
  auto o = f.outcome_of(f.granted(returned).ref, attempt_result::returned);
  o.error = error_info{};
  o.error->category = "infra";
  o.error->code = "lifetime_over";
  f.end_as("a", o);
  f.keep(nullptr, &o);
  CHECK(f.status(returned) == job_status::queued);
  CHECK(f.infra_failures(returned) == 0);
  f.disconnect("a");
  f.keep();
  CHECK(f.status(lost) == job_status::queued);
  CHECK(f.infra_failures(lost) == 0);
}

TEST_CASE("drain: a name that another node has taken leaves the old order behind") {
  kept f;
  f.join_kept(f.node("a", 1));
  f.drain("a");
  f.keep();
  f.silence("a");
  f.pass(5000);
  auto n = f.node("a", 1);
  n.uuid = "other";
  f.join_kept(n);
  CHECK(f.store.orders().empty());
  CHECK(f.runs(f.put(f.job())));
}

TEST_CASE("drain: a window begins on time on a node that has stayed past its own end") {
  kept f;
  auto n = f.node("a", 1);
  n.leaves_in_ms = 1000;
  f.join_kept(n);
  f.pass(1500);
  f.announce("a", {f.now_ + 600, f.now_ + 5000});
  f.keep();
  f.jump(599);
  f.tick();
  CHECK(f.record_of("a").status == node_status::ready);
  f.jump(1);
  f.tick();
  CHECK(f.record_of("a").status == node_status::draining);
}
