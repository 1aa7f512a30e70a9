// Nodes: silence, loss, return, leaving, and what becomes of their attempts.
#include "tests/scheduling/fixture.hpp"

using namespace nsai;
using namespace nsai::scheduling;
using namespace nsai::scheduling::tests;

namespace {

core_settings slow_loss() {
  core_settings s;
  s.lease_ms = 5000;
  s.lost_after_ms = 8000;
  return s;
}

std::vector<happening> what(fixture const& f) {
  std::vector<happening> list;
  for (auto const& h : f.seen<happened>())
    list.push_back(h.what);
  return list;
}

bool saw(fixture const& f, happening h) {
  auto const list = what(f);
  return std::find(list.begin(), list.end(), h) != list.end();
}

}  // namespace

TEST_CASE("nodes: where nobody tells a stall from silence the core wakes only when it is time") {
  core_settings quiet;
  quiet.wake_every_ms = 0;
  quiet.lease_ms = quiet.lost_after_ms = 100'000'000;
  fixture f{quiet};
  f.join(f.node("a", 1));
  CHECK(f.only<wake_at>().at == f.now_ + 100'000'000);
  auto job = f.job();
  job.constraints.not_before = f.now_ + 5000;
  auto const id = f.submitted(job);
  CHECK(f.only<wake_at>().at == f.now_ + 5000);
  f.jump(5000);
  f.tick();
  CHECK(f.runs(id));
  fixture usual;
  usual.join(usual.node("a", 1));
  CHECK(usual.only<wake_at>().at == usual.now_ + 1000);
}

TEST_CASE("nodes: silence for a lease makes suspect, for longer lost, each on its millisecond") {
  fixture f{slow_loss()};
  f.join(f.node("a", 1));
  f.join(f.node("b", 1));
  auto const id = f.submitted(f.job());
  REQUIRE(f.place_of(id) == "a");
  f.silence("a");
  f.advance(4999);
  CHECK(f.record_of("a").status == node_status::ready);
  f.advance(1);
  CHECK(f.record_of("a").status == node_status::suspect);
  CHECK(saw(f, happening::node_suspect));
  CHECK(f.core_.session_known("a", f.session("a")));
  f.advance(2999);
  CHECK(f.place_of(id) == "a");
  f.advance(1);
  CHECK(f.record_of("a").status == node_status::lost);
  CHECK(saw(f, happening::node_lost));
  CHECK_FALSE(f.core_.session_known("a", f.session("a")));
  CHECK(f.status(id) == job_status::pending);
  auto const closed = f.only<attempt_closed>();
  CHECK(closed.result == attempt_result::lost);
  CHECK(closed.node_name == "a");
  CHECK(f.only<job_changed>().infra_failures == 1);
  f.advance(1000);
  CHECK(f.place_of(id) == "b");
  CHECK(f.granted(id).ref.attempt == 2);
}

TEST_CASE("nodes: a suspect gets nothing new until it beats again, and keeps what it runs") {
  fixture f{slow_loss()};
  f.join(f.node("a", 2));
  auto const runs = f.submitted(f.job());
  f.disconnect("a");
  CHECK(f.record_of("a").status == node_status::suspect);
  auto const waits = f.submitted(f.job());
  CHECK(f.reason(waits) == "the nodes that could run it are silent: node a");
  f.beat("a");
  CHECK(f.runs(runs));
  CHECK(f.runs(waits));
  CHECK(f.granted(runs).ref.attempt == 1);
}

TEST_CASE("nodes: a beat or a disconnect of an older session means nothing") {
  fixture f;
  f.join(f.node("a", 1));
  f.apply(node_disconnected{"a", 7});
  CHECK(f.record_of("a").status == node_status::ready);
  f.silence("a");
  f.advance(4000);
  f.apply(node_beat{"a", 7, {}});
  f.apply(node_beat{"nobody", 7, {}});
  f.advance(1000);
  CHECK(f.record_of("a").status == node_status::lost);
}

TEST_CASE("nodes: a new incarnation loses the attempts of the old one at once") {
  fixture f;
  f.join(f.node("a", 1));
  auto const id = f.submitted(f.job());
  auto n = f.node("a", 1);
  n.incarnation = 2;
  f.join(n);
  CHECK(f.only<attempt_closed>().result == attempt_result::lost);
  f.advance(1000);
  CHECK(f.runs(id));
  CHECK(f.granted(id).ref.attempt == 2);
}

TEST_CASE("nodes: a name that a ready node has is refused to another") {
  fixture f;
  f.join(f.node("a", 1));
  auto n = f.node("a", 1);
  n.uuid = "someone-else";
  f.join(n);
  CHECK(f.core_.last_answer().error->category == "refused");
  CHECK(f.core_.last_answer().error->code == "name_taken");
  CHECK(f.core_.nodes().size() == 1);
  f.silence("a");
  f.advance(5000);
  f.join(n);
  CHECK_FALSE(f.core_.last_answer().error);
  CHECK(f.core_.nodes().size() == 1);  // the lost one is not listed beside its successor
}

TEST_CASE("reconnect: what the node still holds goes on, what it does not hold is lost") {
  fixture f;
  f.join(f.node("a", 2));
  auto const stays = f.submitted(f.job());
  auto const gone = f.submitted(f.job());
  auto const held = f.held(stays);
  f.disconnect("a");
  f.join(f.node("a", 2), {held});
  CHECK(f.runs(stays));
  CHECK(f.granted(stays).ref.attempt == 1);
  CHECK(f.status(gone) == job_status::pending);
  CHECK(f.only<attempt_stopped>().ref == attempt_ref{gone, 1});
  CHECK(f.only<attempt_stopped>().session == f.session("a"));
  f.end(stays);
  CHECK(f.status(stays) == job_status::succeeded);
}

TEST_CASE("reconnect: a stop that may have been lost is said again") {
  fixture f;
  f.join(f.node("a", 2));
  auto const id = f.submitted(f.job());
  auto const held = f.held(id);
  f.cancel(id);
  f.disconnect("a");
  f.join(f.node("a", 2), {held});
  CHECK(f.only<attempt_stopped>().ref == attempt_ref{id, 1});
}

TEST_CASE(
    "zombies: a lost node that returns keeps its devices until the superseded attempt is gone") {
  fixture f;
  f.join(f.node("a", 2, {"A100"}));
  auto const id = f.submitted(f.gpu_job("A100"));
  auto const held = f.held(id);
  f.silence("a");
  f.advance(5000);
  REQUIRE(f.record_of("a").status == node_status::lost);
  f.advance(1000);
  REQUIRE(f.status(id) == job_status::queued);
  f.speak("a");
  f.join(f.node("a", 2, {"A100"}), {held});
  CHECK(f.only<attempt_stopped>().ref == attempt_ref{id, 1});
  CHECK(f.status(id) == job_status::queued);
  CHECK(f.record_of("a").gpus.at(0).share_used.value == 1000);
  f.end_as("a", f.outcome_of({id, 1}, attempt_result::succeeded));
  CHECK(f.seen<outcome_settled>().at(0).accepted == false);
  CHECK(f.runs(id));
  CHECK(f.granted(id).ref.attempt == 2);
}

TEST_CASE(
    "zombies: an attempt nobody knows is stopped and occupies the node until its outcome comes") {
  fixture f;
  held_attempt stray{{{77}, 3}, {2000}, 0, {}};
  f.join(f.node("a", 2), {stray});
  CHECK(f.only<attempt_stopped>().ref == stray.ref);
  auto const id = f.submitted(f.job());
  CHECK_FALSE(f.runs(id));
  f.end_as("a", f.outcome_of(stray.ref, attempt_result::canceled));
  CHECK(f.runs(id));
}

TEST_CASE("zombies: gone at the next registration without them") {
  fixture f;
  held_attempt stray{{{77}, 3}, {2000}, 0, {}};
  f.join(f.node("a", 2), {stray});
  auto const id = f.submitted(f.job());
  f.join(f.node("a", 2));
  CHECK(f.runs(id));
}

TEST_CASE("poison: three nodes lost that ran nothing but the job end it") {
  fixture f;
  auto const id = f.submitted(f.job());
  for (std::uint64_t k = 1; k <= 3; ++k) {
    auto n = f.node("a", 4);
    n.incarnation = k;
    f.join(n);
    f.advance(1000);
    REQUIRE(f.runs(id));
  }
  auto n = f.node("a", 4);
  n.incarnation = 4;
  f.join(n);
  CHECK(f.ended(id).error->code == "poison");
  CHECK(f.ended(id).status == job_status::failed);
}

TEST_CASE("poison: nodes lost together count once") {
  fixture f;
  for (std::uint64_t k = 1; k <= 4; ++k) {
    for (auto const* const name : {"a", "b"}) {
      auto n = f.node(name, 1);
      n.incarnation = k;
      f.join(n);
    }
    if (k == 1) {
      f.submitted(f.job());
      f.submitted(f.job());
    }
    f.advance(1000);
    CHECK(f.has_ended({1}) == (k == 4));
    CHECK_FALSE(f.has_ended({2}));
  }
}

TEST_CASE("poison: three faults of GPUs that ran nothing but the job end it") {
  fixture f;
  f.join(f.node("a", 1, {"A100", "A100", "A100"}));
  auto const id = f.submitted(f.gpu_job("A100"));
  for (int k = 1; k <= 2; ++k) {
    f.end(id, attempt_result::device_fault);
    f.advance(1000);
    REQUIRE(f.runs(id));
  }
  f.end(id, attempt_result::device_fault);
  CHECK(f.ended(id).error->code == "poison");
}

TEST_CASE("poison: not where a neighbour was lost too") {
  fixture f;
  auto const id = f.submitted(f.job());
  auto const other = f.submitted(f.job());
  for (std::uint64_t k = 1; k <= 5; ++k) {
    auto n = f.node("a", 4);
    n.incarnation = k;
    f.join(n);
    f.advance(1000);
    REQUIRE(f.runs(id));
    REQUIRE(f.runs(other));
  }
}

TEST_CASE("leaving: no new grants, handed back attempts go elsewhere, then the node is gone") {
  fixture f;
  f.join(f.node("a", 2));
  auto const id = f.submitted(f.job());
  f.leave("a");
  CHECK(saw(f, happening::node_left));
  auto const waits = f.submitted(f.job());
  CHECK_FALSE(f.runs(waits));
  CHECK(f.reason(waits) == "no node is there");
  f.end(id, attempt_result::returned);
  CHECK(f.core_.nodes().empty());
  CHECK(f.status(id) == job_status::queued);
  f.join(f.node("b", 2));
  CHECK(f.place_of(id) == "b");
  CHECK(f.place_of(waits) == "b");
}

TEST_CASE("leaving: a disconnect loses what was not handed back") {
  fixture f;
  f.join(f.node("a", 2));
  f.join(f.node("b", 2));
  auto const id = f.submitted(f.job());
  f.leave("a");
  f.disconnect("a");
  CHECK(f.core_.nodes().size() == 1);
  CHECK(f.status(id) == job_status::pending);
  f.advance(1000);
  CHECK(f.place_of(id) == "b");
}

TEST_CASE("stall: after a pause of the scheduler itself nobody is lost for the time of grace") {
  core_settings settings;
  settings.stall_grace_ms = 60'000;
  fixture f{settings};
  f.join(f.node("a", 1));
  auto const id = f.submitted(f.job());
  f.silence("a");
  f.jump(20'000);
  f.tick();
  CHECK(f.record_of("a").status == node_status::ready);
  f.advance(59'999);
  CHECK(f.record_of("a").status == node_status::suspect);
  CHECK(f.runs(id));
  f.advance(1);
  CHECK(f.record_of("a").status == node_status::lost);
}

TEST_CASE("stall: a pause of just a lease is none") {
  fixture f;
  f.join(f.node("a", 1));
  f.silence("a");
  f.jump(5000);
  f.tick();
  CHECK(f.record_of("a").status == node_status::lost);
}

TEST_CASE(
    "mass silence: when more than half of three nodes go silent nobody is lost for the time of "
    "grace") {
  core_settings settings;
  settings.stall_grace_ms = 20'000;
  fixture f{settings};
  f.join(f.node("a", 1));
  f.advance(600);
  f.join(f.node("b", 1));
  f.join(f.node("c", 1));
  f.silence("a");
  f.advance(400);
  f.silence("b");
  f.advance(10'000);
  CHECK(f.record_of("a").status == node_status::suspect);
  CHECK(f.record_of("b").status == node_status::suspect);
  CHECK(f.record_of("c").status == node_status::ready);
  f.advance(20'000);
  CHECK(f.record_of("a").status == node_status::lost);
  CHECK(f.record_of("b").status == node_status::lost);
}

TEST_CASE("mass silence: one of three, or both of two, are lost in time") {
  fixture three;
  for (auto const* const name : {"a", "b", "c"})
    three.join(three.node(name, 1));
  three.silence("a");
  three.advance(5000);
  CHECK(three.record_of("a").status == node_status::lost);
  fixture two;
  for (auto const* const name : {"a", "b"})
    two.join(two.node(name, 1));
  two.silence("a");
  two.silence("b");
  two.advance(5000);
  CHECK(two.record_of("a").status == node_status::lost);
  CHECK(two.record_of("b").status == node_status::lost);
}

TEST_CASE("time: a clock that runs backwards stands still") {
  fixture f;
  f.join(f.node("a", 1));
  auto const id = f.submitted(f.job());
  f.end(id, attempt_result::failed);
  f.decide(id, true, 1000);
  f.jump(-100'000);
  f.tick();
  CHECK(f.status(id) == job_status::pending);
  f.jump(100'999);
  f.tick();
  CHECK(f.status(id) == job_status::pending);
  f.jump(1);
  f.tick();
  CHECK(f.runs(id));
}

TEST_CASE(
    "time: with nodes there is always a wake-up at most a second ahead, and no more often than "
    "needed") {
  fixture f;
  f.join(f.node("a", 1));
  auto promised = f.only<wake_at>().at;
  CHECK(promised - f.now_ <= 1000);
  for (int i = 0; i < 50; ++i) {
    f.jump(100);
    f.beat("a");
    auto const wakes = f.seen<wake_at>();
    CHECK(wakes.size() == (f.now_ >= promised ? 1 : 0));
    if (!wakes.empty())
      promised = wakes[0].at;
    CHECK(promised > f.now_);
    CHECK(promised - f.now_ <= 1000);
  }
}

TEST_CASE("time: without nodes the wake-up is for the next timer") {
  fixture f;
  auto s = f.job();
  s.constraints.not_before = f.now_ + 50'000;
  f.submitted(s);
  CHECK(f.only<wake_at>().at == s.constraints.not_before);
  s.constraints.not_before = f.now_ + 40'000;
  f.submitted(s);
  CHECK(f.only<wake_at>().at == s.constraints.not_before);
}

TEST_CASE("nodes: progress is told for the attempt that runs there now, and for no other") {
  fixture f;
  f.join(f.node("a", 1));
  f.join(f.node("b", 1));
  auto const id = f.submitted(f.job());
  REQUIRE(f.place_of(id) == "a");
  progress_info const half{milli{500}, "epoch 5"};
  f.apply(node_beat{"b", f.session("b"), {{{id, 1}, half}}});
  CHECK(f.seen<happened>().empty());
  f.apply(node_beat{"a", f.session("a"), {{{id, 2}, half}, {{{999}, 1}, half}}});
  CHECK(f.seen<happened>().empty());
  f.apply(node_beat{"a", f.session("a"), {{{id, 1}, half}}});
  auto const told = f.only<happened>();
  CHECK(told.what == happening::job_progress);
  CHECK(told.job == id);
  CHECK(told.progress_permille == 500);
  CHECK(told.detail == "epoch 5");
}

TEST_CASE(
    "nodes: one that cannot start anything rests, its attempts go elsewhere unblamed, and it is "
    "tried again") {
  fixture f;
  f.join(f.node("a", 8));
  auto s = f.job();
  s.constraints.max_infra_retries = 0;
  auto const id = f.submitted(s);
  REQUIRE(f.place_of(id) == "a");
  auto const hand_back = [&] {
    auto outcome = f.outcome_of(f.granted(id).ref, attempt_result::returned);
    outcome.error = error_of("infra", "node_disk", "No space left on device");
    f.end_as("a", outcome);
  };
  hand_back();
  CHECK(f.status(id) == job_status::queued);
  CHECK(f.reason(id).find("cannot start anything") != std::string::npos);
  f.advance(1999);
  CHECK(f.status(id) == job_status::queued);
  f.advance(1);
  CHECK(f.place_of(id) == "a");
  hand_back();
  f.join(f.node("b", 1));
  CHECK(f.place_of(id) == "b");
  CHECK(f.granted(id).ref.attempt == 3);
  CHECK_FALSE(f.has_ended(id));
}
