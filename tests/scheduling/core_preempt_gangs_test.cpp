// Preemption for gangs: several nodes at once, or nobody is stopped.
#include <random>

#include "tests/scheduling/gangs.hpp"
#include "tests/scheduling/preempting.hpp"
#include "tests/scheduling/seeds.hpp"

using namespace nsai;
using namespace nsai::scheduling;
using namespace nsai::scheduling::tests;

namespace {

submission urgent_gang(std::int32_t nodes, std::int64_t cores) {
  auto s = preempting::urgent(cores);
  s.nodes = nodes;
  return s;
}

submission gang_to_stop(std::int32_t nodes, std::int64_t cores) {
  auto s = preempting::work(cores, true);
  s.nodes = nodes;
  return s;
}

/// Ends what was asked to stop.
void end_stopped(preempting& f, std::vector<job_id> const& list) {
  for (auto const id : list)
    f.end(id, attempt_result::canceled);
}

}  // namespace

TEST_CASE("gang preemption: stops the least work on as many nodes as it needs, and holds them") {
  preempting f;
  join_three(f);
  auto const old = f.submitted(f.work(2, true));
  f.advance(5 * minute_ms);
  auto const one = f.submitted(f.work(2, true));
  auto const two = f.submitted(f.work(2, true));
  f.advance(11 * minute_ms);
  auto const gang = f.submitted(urgent_gang(2, 2));
  auto const list = f.stopped();
  CHECK(list == std::vector{one, two});
  CHECK(f.reason(gang).find("others were stopped") != std::string::npos);
  f.end(one, attempt_result::canceled);
  CHECK(f.status(one) == job_status::queued);
  f.advance(3000);
  CHECK_FALSE(f.runs(gang));
  CHECK_FALSE(f.runs(one));  // the room is held
  CHECK(f.stopped().empty());
  f.end(two, attempt_result::canceled);
  CHECK(f.runs(gang));
  CHECK(f.runs(old));
}

TEST_CASE("gang preemption: nodes with room cost nothing") {
  preempting f;
  join_three(f);
  auto const one = f.submitted(f.work(2, true));
  auto const two = f.submitted(f.work(1, false));
  f.advance(11 * minute_ms);
  auto const gang = f.submitted(urgent_gang(3, 1));
  CHECK(f.stopped() == std::vector{one});
  f.end(one, attempt_result::canceled);
  CHECK(f.runs(gang));
  CHECK(f.runs(two));
}

TEST_CASE("gang preemption: nobody is stopped where one node too few could be freed") {
  preempting f;
  join_three(f);
  for (int i = 0; i < 2; ++i)
    f.submitted(f.work(2, true));
  f.submitted(f.work(2, false));
  f.advance(11 * minute_ms);
  auto const gang = f.submitted(urgent_gang(3, 1));
  f.advance(minute_ms);
  CHECK(f.seen<attempt_stopped>().empty());
  CHECK_FALSE(f.runs(gang));
}

TEST_CASE("gang preemption: a gang that is stopped gives all its nodes, and is stopped once") {
  preempting f;
  for (auto const* const name : {"a", "b", "c", "d"})
    f.join(f.node(name, 2));
  auto const victim = f.submitted(gang_to_stop(2, 2));
  f.advance(minute_ms);
  auto const three = f.submitted(f.work(2, true));
  auto const four = f.submitted(f.work(2, true));
  f.advance(11 * minute_ms);
  // Less is lost by the two than by the gang of two nodes.
  auto const first = f.submitted(urgent_gang(2, 2));
  auto list = f.stopped();
  CHECK(list == std::vector{three, four});
  end_stopped(f, list);
  REQUIRE(f.runs(first));
  auto others = urgent_gang(2, 2);
  others.tenant_id = "w";  // u has more than its share now
  auto const second = f.submitted(others);
  f.advance(1000);
  list = f.stopped();
  CHECK(list == std::vector{member(victim, 0), member(victim, 1)});
  f.advance(2000);
  CHECK(f.stopped().empty());
  end_stopped(f, list);
  CHECK(f.runs(second));
  CHECK(f.status(victim) == job_status::queued);
}

TEST_CASE("gang preemption: what the quota has lent is claimed back for all members together") {
  preempting f;
  join_three(f);
  for (int i = 0; i < 6; ++i)
    f.submitted(f.work(1, true, priority::batch, "small"));
  f.advance(11 * minute_ms);
  auto s = f.work(2, true, priority::batch, "lender");
  s.nodes = 3;  // six cores; its quota is four
  auto const too_much = f.submitted(s);
  f.advance(3000);
  CHECK(f.seen<attempt_stopped>().empty());
  f.cancel(too_much);
  s.nodes = 2;
  auto const gang = f.submitted(s);
  f.advance(2000);
  auto const list = f.stopped();
  CHECK(list.size() == 4);
  end_stopped(f, list);
  CHECK(f.runs(gang));
}

TEST_CASE("gang preemption: a claimant that is canceled gives all rooms back") {
  preempting f;
  join_three(f);
  auto const one = f.submitted(f.work(2, true));
  auto const two = f.submitted(f.work(2, true));
  auto const three = f.submitted(f.work(2, true));
  f.advance(11 * minute_ms);
  auto const gang = f.submitted(urgent_gang(3, 2));
  CHECK(f.stopped().size() == 3);
  f.cancel(gang);
  end_stopped(f, {one, two, three});
  CHECK(f.runs(one));
  CHECK(f.runs(two));
  CHECK(f.runs(three));
}

TEST_CASE("gang preemption: a node that is lost is replaced, what was freed stays freed") {
  preempting f;
  f.join(f.node("a", 2));
  f.join(f.node("b", 2));
  f.join(f.node("c", 2));
  auto const one = f.submitted(f.work(2, true));
  auto const two = f.submitted(f.work(2, true));
  f.advance(minute_ms);
  auto const three = f.submitted(f.work(2, true));
  f.advance(9 * minute_ms + 30'000);
  auto const gang = f.submitted(urgent_gang(2, 2));
  CHECK(f.stopped() == std::vector{one, two});
  f.leave("a");
  for (int i = 0; i < 40 && f.stopped().empty(); ++i)
    f.advance(1000);
  CHECK(f.stopped() == std::vector{three});
  f.end(two, attempt_result::canceled);
  f.end(three, attempt_result::canceled);
  CHECK(f.runs(gang));
}

TEST_CASE("gang preemption: whatever comes, all that is stopped makes room, and all gets on") {
  for (std::uint64_t seed = 1; seed <= seeds(10); ++seed) {
    CAPTURE(seed);
    std::mt19937_64 random{seed};
    preempting f;
    for (auto const* const name : {"a", "b", "c", "d"}) {
      auto n = f.node(name, 4, {"A100", "A100"});
      n.ports.resize(1000, 20'000);
      f.join(n);
    }
    std::map<job_id, int> stops;
    std::map<job_id, std::int32_t> live;  // and of how many members
    std::vector<job_id> to_end;
    auto const note = [&] {
      for (auto const id : f.stopped()) {
        REQUIRE(f.core_.facts(id).constraints.preemptible);
        REQUIRE(++stops[id] <= 5);
        to_end.push_back(id);
      }
    };
    auto const finish = [&](job_id id) {
      for (std::int32_t rank = 0; rank < live[id]; ++rank) {
        auto const one = live[id] == 1 ? id : member(id, static_cast<std::uint64_t>(rank));
        if (!f.runs(one))
          continue;
        f.end(one);
        note();
      }
      live.erase(id);
    };
    auto const end_some = [&](unsigned part) {
      for (auto const id : std::exchange(to_end, {}))
        if (random() % 3 == 0) {
          to_end.push_back(id);
        } else {
          f.end(id, attempt_result::canceled);
          note();
        }
      for (auto const& [id, members] : std::map{live})
        if (f.runs(id) && to_end.empty() && random() % part == 0)
          finish(id);
    };
    for (int step = 0; step < 300; ++step) {
      auto const cores = 1 + static_cast<std::int64_t>(random() % 4);
      auto s = random() % 4 == 0 ? f.urgent(cores) : f.work(cores, random() % 3 > 0);
      if (random() % 3 == 0) {
        s.resources.gpu = "A100";
        s.resources.gpu_count = 1;
      }
      s.nodes = random() % 2 == 0 ? 1 : 2 + static_cast<std::int32_t>(random() % 3);
      if (random() % 2 == 0) {
        live[f.submitted(s)] = s.nodes;
        note();
      }
      end_some(12);
      f.advance(1000 * static_cast<std::int64_t>(1 + random() % 60));
      note();
    }
    for (int round = 0; round < 3000 && !live.empty(); ++round) {
      end_some(1);
      f.advance(2000);
      note();
    }
    CHECK(live.empty());
  }
}
