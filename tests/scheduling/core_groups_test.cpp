// Concurrency groups, and what recurs.
#include <random>

#include "tests/scheduling/restartable.hpp"

using namespace nsai;
using namespace nsai::scheduling;
using namespace nsai::scheduling::tests;

namespace {

submission in_group(std::int32_t limit, std::string group = "db") {
  auto s = fixture::job();
  s.constraints.concurrency_group = std::move(group);
  s.constraints.max_concurrent_in_group = limit;
  s.constraints.max_retries = 0;
  return s;
}

struct group_world : restartable {
  explicit group_world(std::int64_t cores = 8) { join(node("n", cores)); }
};

}  // namespace

TEST_CASE("group: no more at once than it has places, in the order of arrival") {
  group_world f;
  auto const a = f.submitted(in_group(2));
  auto const b = f.submitted(in_group(2));
  auto const c = f.submitted(in_group(2));
  auto const d = f.submitted(in_group(2));
  CHECK(f.runs(b));
  CHECK(f.status(c) == job_status::queued);
  CHECK(f.reason(c) == "waiting for a place in group db (2 of 2 running: jobs 1, 2)");
  CHECK(f.described().queues.at("batch") == 2);
  f.end(a);
  CHECK(f.runs(c));
  CHECK_FALSE(f.runs(d));
  f.end(c, attempt_result::failed);
  CHECK(f.runs(d));
}

TEST_CASE("group: a full one holds nobody else back, whatever its jobs' number") {
  group_world f{4};
  f.submitted(in_group(1));
  for (int i = 0; i < 200; ++i)
    f.submitted(in_group(1));
  CHECK(f.runs(f.submitted(f.job())));
  CHECK(f.runs(f.submitted(in_group(1, "other"))));
}

TEST_CASE("group: it is a tenant's own") {
  group_world f;
  f.submitted(in_group(1));
  auto theirs = in_group(3);
  theirs.tenant_id = "b";
  CHECK(f.runs(f.submitted(theirs)));
}

TEST_CASE("group: another limit than that of its live jobs is refused, until they have ended") {
  group_world f;
  auto const a = f.submitted(in_group(2));
  auto const refused = f.submit(in_group(3));
  CHECK(refused.error->category == "refused");
  CHECK(refused.error->code == "group_limit");
  CHECK(refused.error->field == "constraints.max_concurrent_in_group");
  CHECK(refused.error->message ==
        "constraints.max_concurrent_in_group: 3 is not the limit of the live jobs of group db; "
        "expected 2");
  f.end(a);
  CHECK_FALSE(f.submit(in_group(3)).error);
}

TEST_CASE("group: the steps of an experiment may not contradict each other; each takes a place") {
  group_world f;
  submission s;
  s.pipeline.resize(2);
  for (auto& step : s.pipeline) {
    step.stage = "echo";
    step.constraints = in_group(1).constraints;
  }
  auto other = s;
  other.pipeline[1].constraints.max_concurrent_in_group = 2;
  CHECK(f.submit(other).error->field == "pipeline[1].constraints.max_concurrent_in_group");
  auto const r = f.submit(s);
  CHECK(f.runs({r.id.value + 1}));
  CHECK_FALSE(f.runs({r.id.value + 2}));
  f.end({r.id.value + 1});
  CHECK(f.runs({r.id.value + 2}));
}

TEST_CASE("group: an array's children share its places") {
  group_world f;
  auto s = in_group(2);
  s.array = array_spec{0, 4, 1, 0, {}};
  auto const r = f.submit(s);
  CHECK(f.described().running == 2);
  f.cancel(r.id);
  for (std::uint64_t i = 1; i <= 2; ++i)
    f.end({r.id.value + i}, attempt_result::canceled);
  CHECK(f.described().live_jobs == 0);
  CHECK_FALSE(f.submit(in_group(7)).error);
}

TEST_CASE("group: a job in backoff holds no place") {
  group_world f;
  auto s = in_group(1);
  s.constraints.max_retries = 3;
  auto const a = f.submitted(s);
  auto const b = f.submitted(s);
  f.end(a, attempt_result::failed);
  CHECK(f.runs(b));
  f.decide(a, true, 500);
  f.advance(500);
  CHECK(f.reason(a) == "waiting for a place in group db (1 of 1 running: job 2)");
  f.end(b);
  CHECK(f.runs(a));
}

TEST_CASE("group: a job that no node has room for keeps nobody of its group waiting") {
  group_world f;
  auto huge = in_group(1);
  huge.resources.cpu = milli{64'000};
  auto const never = f.submitted(huge);
  auto const other = f.submitted(in_group(1));
  CHECK(f.runs(other));
  CHECK(f.reason(never) == "waiting for a place in group db (1 of 1 running: job 2)");
  f.end(other);
  CHECK(f.reason(never).starts_with("no node is large enough"));
}

TEST_CASE("group: the more urgent job gets the place that falls free") {
  group_world f;
  auto const a = f.submitted(in_group(1));
  auto const b = f.submitted(in_group(1));
  auto urgent = in_group(1);
  urgent.priority = priority::interactive;
  auto const c = f.submitted(urgent);
  f.end(a);
  CHECK(f.runs(c));
  CHECK_FALSE(f.runs(b));
}

TEST_CASE("group: what waited keeps its order among the owner's other jobs") {
  group_world f{1};
  auto const a = f.submitted(in_group(1));
  auto const b = f.submitted(in_group(1));     // parked
  auto const c = f.submitted(fixture::job());  // queued behind it
  f.end(a);
  CHECK(f.runs(b));
  f.end(b);
  CHECK(f.runs(c));
}

TEST_CASE("group: what is handed back goes first, and a cancel lets the next one stand") {
  group_world f{1};
  f.join(f.node("m", 1));
  auto const a = f.submitted(in_group(2));
  auto const b = f.submitted(in_group(2));
  auto const c = f.submitted(in_group(2));
  auto const d = f.submitted(in_group(2));
  f.end(a, attempt_result::returned);
  CHECK(f.runs(a));
  CHECK_FALSE(f.runs(c));
  f.cancel(c);
  f.end(b);
  CHECK(f.runs(d));
}

TEST_CASE("group: restart: places are taken by what ran, the others wait on") {
  group_world f;
  f.keep();
  auto const a = f.submit_stored(in_group(1));
  auto const b = f.submit_stored(in_group(1));
  auto const held = f.held(a);
  f.restart();
  CHECK(f.reason(b) == "waiting for a place in group db (1 of 1 running: job 1)");
  f.join(f.node("n", 8), {held});
  CHECK_FALSE(f.runs(b));
  CHECK(f.submit(in_group(2)).error->code == "group_limit");
  f.end(a);
  CHECK(f.runs(b));
}

TEST_CASE("group: random jobs of some groups, shapes and priorities all run within the limits") {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    CAPTURE(seed);
    std::mt19937_64 random{seed};
    auto const below = [&](std::uint64_t n) { return random() % n; };
    group_world f{6};
    std::map<job_id, std::string> group_of;
    std::set<job_id> open;
    for (int i = 0; i < 150; ++i) {
      if (below(3) != 0) {
        auto const which = below(3);
        auto s = in_group(static_cast<std::int32_t>(1 + which), "g" + std::to_string(which));
        s.owner = std::string(1, static_cast<char>('x' + below(2)));
        s.priority = static_cast<priority>(2 + below(2));
        s.resources.cpu = milli{static_cast<std::int64_t>(1 + below(3)) * 1000};
        auto const id = f.submitted(s);
        group_of[id] = s.constraints.concurrency_group;
        open.insert(id);
      } else if (!open.empty()) {
        auto const at = *std::next(open.begin(), static_cast<std::ptrdiff_t>(below(open.size())));
        if (f.runs(at))
          f.end(at, below(4) == 0 ? attempt_result::returned : attempt_result::succeeded);
        else if (below(4) == 0)
          f.cancel(at);
      }
      std::erase_if(open, [&](job_id id) { return f.has_ended(id); });
      std::map<std::string, int> running;
      for (auto const id : open)
        running[group_of[id]] += f.runs(id) ? 1 : 0;
      for (int which = 0; which < 3; ++which)
        CHECK(running["g" + std::to_string(which)] <= 1 + which);
    }
    for (int i = 0; i < 1000 && !open.empty(); ++i) {
      auto const some = open;
      for (auto const id : some)
        if (f.runs(id))
          f.end(id);
      std::erase_if(open, [&](job_id id) { return f.has_ended(id); });
    }
    CHECK(open.empty());
  }
}

TEST_CASE("recurrence: due at its minutes, once for all that were missed") {
  fixture f;
  f.now_ = from_rfc3339("2026-03-01T10:02:30Z");
  auto const times = std::get<cron_times>(cron_times::parse("*/5 * * * *"));
  f.apply(recurrence_set{"t", "r", times});
  CHECK(f.seen<recurrence_due>().empty());
  CHECK(f.only<wake_at>().at == from_rfc3339("2026-03-01T10:05:00Z"));
  CHECK(f.core_.next_recurrence("t", "r") == from_rfc3339("2026-03-01T10:05:00Z"));
  f.jump(149'999);
  f.tick();
  CHECK(f.seen<recurrence_due>().empty());
  f.jump(1);
  f.tick();
  CHECK(f.only<recurrence_due>().next_at == from_rfc3339("2026-03-01T10:10:00Z"));
  f.jump(3'600'000);
  f.tick();
  CHECK(f.only<recurrence_due>().next_at == from_rfc3339("2026-03-01T11:10:00Z"));
  f.apply(recurrence_canceled{"t", "r"});
  f.jump(3'600'000);
  f.tick();
  CHECK(f.seen<recurrence_due>().empty());
}

TEST_CASE("recurrence: one whose time came while no scheduler ran is due once after the restart") {
  fixture f;
  f.now_ = from_rfc3339("2026-03-01T10:02:30Z");
  auto const times = std::get<cron_times>(cron_times::parse("0 * * * *"));
  f.apply(recurrence_set{"t", "r", times, from_rfc3339("2026-02-27T04:00:00Z")});
  CHECK(f.only<recurrence_due>().next_at == from_rfc3339("2026-03-01T11:00:00Z"));
}
