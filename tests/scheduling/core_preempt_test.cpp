// Preemption: who may be stopped for whom, and how often.
#include <random>

#include "tests/scheduling/preempting.hpp"
#include "tests/scheduling/seeds.hpp"

using namespace nsai;
using namespace nsai::scheduling;
using namespace nsai::scheduling::tests;

TEST_CASE(
    "preemption: a realtime job takes the place of one that may be preempted, after ten "
    "minutes") {
  preempting f;
  f.join(f.node("a", 2));
  auto const victim = f.submitted(f.work(2, true));
  f.advance(10 * minute_ms - 1000);
  auto const first = f.submitted(f.urgent(2));
  f.advance(999);
  CHECK(f.stopped().empty());
  f.advance(2000);
  CHECK(f.stopped() == std::vector{victim});
  CHECK(f.reason(first).find("others were stopped") != std::string::npos);
  // Whatever it takes its end for, it is not its own failure.
  f.end(victim, attempt_result::failed);
  CHECK(f.runs(first));
  CHECK(f.status(victim) == job_status::queued);
  auto const changes = f.seen<job_changed>();
  CHECK(changes.back().preemptions == 1);
  CHECK(changes.back().own_failures == 0);
  f.end(first);
  CHECK(f.runs(victim));
  CHECK(f.granted(victim).ref.attempt == 2);
}

TEST_CASE("preemption: only of what may be preempted and is less urgent, and only for realtime") {
  preempting f;
  f.join(f.node("a", 3));
  f.submitted(f.work(1, false));
  f.submitted(f.work(1, true, priority::realtime));
  auto const offline = f.submitted(f.work(1, true, priority::offline));
  f.advance(11 * minute_ms);
  f.submitted(f.work(1, false, priority::interactive, "v"));
  f.advance(5000);
  CHECK(f.stopped().empty());
  auto const two = f.submitted(f.urgent(2));  // would need one more
  f.advance(5000);
  CHECK(f.stopped().empty());
  f.cancel(two);
  f.submitted(f.urgent(1));
  f.advance(100);
  CHECK(f.stopped() == std::vector{offline});
}

TEST_CASE("preemption: the least work lost, and nobody more than is needed") {
  preempting f;
  f.join(f.node("a", 4));
  auto const old = f.submitted(f.work(1, true));
  f.advance(20 * minute_ms);
  auto const wide = f.submitted(f.work(2, true));
  auto const young = f.submitted(f.work(1, true));
  f.advance(11 * minute_ms);
  f.submitted(f.urgent(1));
  CHECK(f.stopped() == std::vector{young});
  f.end(young, attempt_result::canceled);
  f.advance(1000);
  f.submitted(f.urgent(3));
  f.advance(2000);
  auto last = f.stopped();
  std::sort(last.begin(), last.end());
  CHECK(last == std::vector{old, wide});
}

TEST_CASE("preemption: what was given up is held for the one it was given up for") {
  preempting f;
  f.join(f.node("a", 2));
  auto const one = f.submitted(f.work(1, true));
  auto const two = f.submitted(f.work(1, true));
  f.advance(11 * minute_ms);
  auto const claimant = f.submitted(f.urgent(2));
  CHECK(f.stopped().size() == 2);
  f.end(one, attempt_result::canceled);
  auto brief = f.urgent(1);
  brief.constraints.timeout_ms = 1;
  auto const late = f.submitted(brief);
  CHECK_FALSE(f.runs(late));
  CHECK(f.status(one) == job_status::queued);
  f.end(two, attempt_result::canceled);
  CHECK(f.runs(claimant));
  // Nobody is stopped a second time for the same job.
  CHECK(f.seen<attempt_stopped>().empty());
}

TEST_CASE("preemption: a job is stopped five times at most") {
  preempting f;
  f.join(f.node("a", 1));
  auto const victim = f.submitted(f.work(1, true));
  for (int i = 1; i <= 7; ++i) {
    f.advance(11 * minute_ms);
    auto const u = f.submitted(f.urgent(1));
    if (i > 5) {
      CHECK(f.stopped().empty());
      f.cancel(u);
      continue;
    }
    REQUIRE(f.stopped() == std::vector{victim});
    f.end(victim, attempt_result::canceled);
    REQUIRE(f.runs(u));
    f.end(u);
    REQUIRE(f.runs(victim));
  }
}

TEST_CASE("preemption: a canceled claimant gives the room back, and the victim goes on later") {
  preempting f;
  f.join(f.node("a", 1));
  auto const victim = f.submitted(f.work(1, true));
  f.advance(11 * minute_ms);
  auto const u = f.submitted(f.urgent(1));
  f.cancel(u);
  f.end(victim, attempt_result::canceled);
  CHECK(f.runs(victim));
}

TEST_CASE("preemption: whole devices, not just so many") {
  preempting f;
  f.join(f.node("a", 8, {"A100", "H100"}));
  auto const gpu = [&](std::string model, bool preemptible, priority p) {
    auto s = f.work(1, preemptible, p);
    s.resources.gpu = std::move(model);
    s.resources.gpu_count = 1;
    return s;
  };
  auto const a = f.submitted(gpu("A100", true, priority::batch));
  f.advance(minute_ms);
  f.submitted(gpu("H100", true, priority::batch));
  f.advance(11 * minute_ms);
  f.submitted(gpu("A100", false, priority::realtime));
  CHECK(f.stopped() == std::vector{a});
}

TEST_CASE("quota: jobs that may be preempted borrow, and give back to those below theirs") {
  preempting f;
  f.join(f.node("a", 6));
  auto const firm = f.submitted(f.work(2, false, priority::batch, "small"));
  CHECK(f.runs(firm));
  CHECK_FALSE(f.runs(f.submitted(f.work(1, false, priority::batch, "small"))));
  std::vector<job_id> borrowed;
  for (int i = 0; i < 4; ++i)
    borrowed.push_back(f.submitted(f.work(1, true, priority::batch, "small")));
  for (auto const each : borrowed)
    CHECK(f.runs(each));
  f.advance(11 * minute_ms);
  // Not for a tenant without a quota, and not for one that would be above its own.
  f.submitted(f.work(2, false, priority::batch, "other"));
  auto const too_much = f.submitted(f.work(5, true, priority::batch, "lender"));
  f.advance(3000);
  CHECK(f.stopped().empty());
  f.cancel(too_much);
  auto const claims = f.submitted(f.work(3, false, priority::batch, "lender"));
  f.advance(2000);
  CHECK(f.stopped().size() == 3);
  for (auto const each : f.stopped())
    f.end(each, attempt_result::canceled);
  CHECK(f.runs(claims));
}

TEST_CASE("quota: with borrow off it bounds all jobs") {
  core_settings s;
  s.tenants["t"].quota.cpu = milli{1000};
  s.tenants["t"].quota.borrow = false;
  fixture f{s};
  f.join(f.node("a", 4));
  CHECK(f.runs(f.submitted(preempting::work(1, true))));
  CHECK_FALSE(f.runs(f.submitted(preempting::work(1, true))));
  CHECK(f.submit(preempting::work(2, true)).error->field == "resources");
}

TEST_CASE("preemption: whatever comes, victims make room, get on, and are never stopped in vain") {
  for (std::uint64_t seed = 1; seed <= seeds(30); ++seed) {
    CAPTURE(seed);
    std::mt19937_64 random{seed};
    preempting f;
    for (int i = 0; i < 2; ++i)
      f.join(f.node("n" + std::to_string(i), 4, {"A100", "A100"}));
    std::map<job_id, int> stops;
    std::set<job_id> live;
    for (int step = 0; step < 300; ++step) {
      auto s = random() % 4 == 0
                   ? f.urgent(1 + static_cast<std::int64_t>(random() % 4))
                   : f.work(1 + static_cast<std::int64_t>(random() % 2), random() % 2 == 0);
      if (random() % 3 == 0) {
        s.resources.gpu = "A100";
        s.resources.gpu_count = 1;
      }
      auto const note = [&] {
        for (auto const id : f.stopped()) {
          REQUIRE(f.core_.facts(id).constraints.preemptible);
          REQUIRE(++stops[id] <= 5);
          REQUIRE(f.runs(id));
        }
      };
      if (random() % 2 == 0) {
        live.insert(f.submitted(s));
        note();
      }
      for (auto const id : std::set(live))
        if (f.runs(id) && random() % 12 == 0) {
          f.end(id);
          note();
          live.erase(id);
        }
      f.advance(1000 * static_cast<std::int64_t>(1 + random() % 60));
      note();
    }
    for (int round = 0; round < 2000 && !live.empty(); ++round) {
      for (auto const id : std::set(live))
        if (f.runs(id)) {
          f.end(id);
          live.erase(id);
        }
      f.advance(2000);
    }
    CHECK(live.empty());
  }
}
