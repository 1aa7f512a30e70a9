// Reservations: a job that needs much gets its room although others need less.
#include <random>

#include "tests/scheduling/fixture.hpp"
#include "tests/scheduling/seeds.hpp"

using namespace nsai;
using namespace nsai::scheduling;
using namespace nsai::scheduling::tests;

namespace {

submission cores(std::int64_t count, std::int64_t timeout_ms, priority p = priority::batch,
                 std::string tenant = "default") {
  auto s = fixture::job();
  s.tenant_id = std::move(tenant);
  s.resources.cpu.value = count * 1000;
  s.constraints.timeout_ms = timeout_ms;
  s.priority = p;
  return s;
}

core_settings all_priorities() {
  core_settings s;
  s.tenants["*"].max_priority = priority::realtime;
  return s;
}

struct reserving : fixture {
  reserving() : fixture(all_priorities()) {}
  /// One node of four cores on which single cores end one after the other.
  void fill(std::int64_t timeout_ms = 10 * minute_ms) {
    join(node("a", 4, {"A100", "A100"}));
    for (int i = 0; i < 4; ++i) {
      small.push_back(submitted(cores(1, timeout_ms)));
      REQUIRE(runs(small.back()));
      advance(minute_ms);
    }
  }
  std::vector<job_id> small;
};

}  // namespace

TEST_CASE("reservation: without one, single cores would go to single-core jobs for ever") {
  reserving f;
  f.fill();
  auto const large = f.submitted(cores(4, minute_ms));
  std::vector<job_id> later;
  for (int i = 0; i < 8; ++i)
    later.push_back(f.submitted(cores(1, 10 * minute_ms)));
  f.advance(2000);
  for (auto const each : f.small) {
    CHECK_FALSE(f.runs(large));
    f.end(each);
    f.advance(1000);
  }
  CHECK(f.runs(large));
  for (auto const each : later)
    CHECK_FALSE(f.runs(each));
  f.end(large);
  CHECK(f.runs(later[0]));
}

TEST_CASE("reservation: what is over before the room is there may run, to the millisecond") {
  reserving f;
  f.fill();  // the last to end was started 3 minutes after the first
  auto const large = f.submitted(cores(4, minute_ms));
  f.advance(2000);
  f.end(f.small[0]);
  // The room is there when the attempt that was started last has come to its timeout.
  auto const left =
      f.core_.status_of(f.small[3]) == job_status::running ? 10 * minute_ms - minute_ms - 2000 : 0;
  auto const too_long = f.submitted(cores(1, left + 1));
  CHECK_FALSE(f.runs(too_long));
  CHECK(f.reason(too_long).find("job " + std::to_string(large.value)) != std::string::npos);
  auto const in_time = f.submitted(cores(1, left));
  CHECK(f.runs(in_time));
  CHECK(f.reason(large).find("kept") != std::string::npos);
}

TEST_CASE("reservation: a job without a timeout never runs across it") {
  reserving f;
  f.fill();
  f.submitted(cores(4, minute_ms));
  f.advance(2000);
  f.end(f.small[0]);
  CHECK_FALSE(f.runs(f.submitted(cores(1, 0))));
  auto estimated = cores(1, 0);
  estimated.constraints.estimated_duration_ms = minute_ms;
  CHECK(f.runs(f.submitted(estimated)));
}

TEST_CASE("reservation: what takes nothing of the room may run as long as it likes") {
  reserving f;
  f.join(f.node("a", 8, {"A100", "A100"}));
  auto gpu = f.gpu_job("A100");
  gpu.constraints.timeout_ms = 10 * minute_ms;
  auto const one = f.submitted(gpu);
  auto both = f.gpu_job("A100", 2);
  both.constraints.timeout_ms = minute_ms;
  auto const large = f.submitted(both);
  f.advance(2000);
  CHECK_FALSE(f.runs(f.submitted(gpu)));  // the other device is kept
  std::vector<job_id> plain;
  for (int i = 0; i < 7; ++i)
    plain.push_back(f.submitted(cores(1, 0)));
  // One core is kept for the large one; when the first job ends it gives back another.
  CHECK(std::count_if(plain.begin(), plain.end(), [&](auto j) { return f.runs(j); }) == 7);
  f.end(one);
  CHECK(f.runs(large));
}

TEST_CASE("reservation: it goes with the job, and the room is everybody's again") {
  reserving f;
  f.fill();
  auto const large = f.submitted(cores(4, minute_ms));
  f.advance(2000);
  f.end(f.small[0]);
  auto const waits = f.submitted(cores(1, 0));
  CHECK_FALSE(f.runs(waits));
  f.cancel(large);
  CHECK(f.runs(waits));
}

TEST_CASE("reservation: only a higher level displaces it") {
  reserving f;
  f.fill();
  auto const large = f.submitted(cores(4, minute_ms));
  f.advance(2000);
  f.end(f.small[0]);
  f.end(f.small[1]);
  CHECK_FALSE(f.runs(f.submitted(cores(1, 0, priority::batch, "other"))));
  CHECK_FALSE(f.runs(f.submitted(cores(1, 0, priority::offline))));
  CHECK(f.runs(f.submitted(cores(1, 0, priority::interactive, "urgent"))));
  CHECK_FALSE(f.runs(large));
  f.advance(2000);
  // It is kept anew.
  CHECK_FALSE(f.runs(f.submitted(cores(1, 0, priority::batch, "third"))));
}

TEST_CASE("reservation: on the node where the room is there first, and nowhere else") {
  reserving f;
  f.join(f.node("late", 4));
  auto const l = f.submitted(cores(3, 60 * minute_ms));
  f.join(f.node("early", 4));
  auto const e = f.submitted(cores(3, 10 * minute_ms));
  REQUIRE(f.place_of(l) == "late");
  REQUIRE(f.place_of(e) == "early");
  auto const large = f.submitted(cores(4, minute_ms));
  f.advance(2000);
  // One core of each is free; that of the other node is everybody's.
  auto const small = f.submitted(cores(1, 0));
  CHECK(f.place_of(small) == "late");
  CHECK_FALSE(f.runs(f.submitted(cores(1, 0))));
  f.end(e);
  CHECK(f.place_of(large) == "early");
}

TEST_CASE("reservation: a node that is lost or drained keeps nothing, and another does") {
  for (bool const drained : {false, true}) {
    reserving f;
    f.join(f.node("a", 4));
    auto const first = f.submitted(cores(1, 10 * minute_ms));
    f.join(f.node("b", 4));
    auto const second = f.submitted(cores(4, 20 * minute_ms));
    REQUIRE(f.place_of(second) == "b");
    auto const large = f.submitted(cores(4, minute_ms));
    f.advance(2000);
    CHECK(f.reason(large).find("node a") != std::string::npos);
    if (drained) {
      f.drain("a");
    } else {
      f.silence("a");
      f.advance(12'000);
    }
    f.advance(2000);
    CHECK(f.reason(large).find("node b") != std::string::npos);
    f.end(second);
    CHECK(f.place_of(large) == "b");
    (void)first;
  }
}

TEST_CASE("reservation: a tenant at its quota has none") {
  core_settings s = all_priorities();
  s.tenants["t"].quota.cpu = milli{4000};
  fixture f{s};
  f.join(f.node("a", 4));
  auto const holds = f.submitted(cores(1, 10 * minute_ms, priority::batch, "t"));
  auto const large = f.submitted(cores(4, minute_ms, priority::batch, "t"));
  f.advance(3000);
  CHECK(f.runs(f.submitted(cores(3, 0, priority::batch, "u"))));
  f.end(holds);
  CHECK_FALSE(f.runs(large));
}

TEST_CASE("reservation: a level that has waited long gets a large place, too") {
  reserving f;
  f.join(f.node("a", 2));
  auto const large = f.submitted(cores(2, minute_ms, priority::offline));
  f.end(large);  // the node is of use
  std::vector<job_id> running;
  for (int i = 0; i < 2; ++i)
    running.push_back(f.submitted(cores(1, minute_ms)));
  auto const offline = f.submitted(cores(2, minute_ms, priority::offline));
  std::int64_t grants = 0;
  for (int i = 0; i < 4000 && !f.runs(offline); ++i) {
    f.submitted(cores(1, minute_ms));
    for (auto const& [id, g] : std::map(f.grants_))
      if (!f.has_ended(id) && f.runs(id) && id != offline) {
        f.end(id, attempt_result::succeeded, 1000);
        ++grants;
        break;
      }
    f.advance(1000);
  }
  CHECK(f.runs(offline));
  CHECK(grants > 500);  // not before ten minutes
  CHECK(grants < 700);
}

TEST_CASE("reservation: a large job starts within the time of what ran before it, whatever comes") {
  for (std::uint64_t seed = 1; seed <= seeds(40); ++seed) {
    CAPTURE(seed);
    std::mt19937_64 random{seed};
    reserving f;
    auto const nodes = 1 + random() % 3;
    for (std::size_t i = 0; i < nodes; ++i)
      f.join(f.node("n" + std::to_string(i), 4, {"A100", "A100"}));
    std::map<job_id, timestamp> ends;
    std::set<job_id> all;
    auto const one = [&](std::int64_t count) {
      auto const takes = static_cast<std::int64_t>(1 + random() % 60) * 1000;
      auto s = cores(count, takes);
      if (random() % 3 == 0) {
        s.resources.gpu_count = 1 + static_cast<std::int32_t>(random() % 2);
        s.resources.gpu = "A100";
      }
      auto const id = f.submitted(s);
      all.insert(id);
      return id;
    };
    auto const step = [&] {
      for (auto const id : std::set(all)) {
        if (!f.runs(id)) {
          continue;
        }
        if (!ends.contains(id))
          ends[id] = f.now_ + *f.core_.facts(id).constraints.timeout_ms;
        if (ends[id] <= f.now_) {
          f.end(id);
          all.erase(id);
        }
      }
      f.advance(1000);
    };
    for (int i = 0; i < 60; ++i) {
      one(1 + static_cast<std::int64_t>(random() % 2));
      step();
    }
    auto large = cores(4, 5000);
    large.resources.gpu_count = 2;
    large.resources.gpu = "A100";
    auto const waits = f.submitted(large);
    // All that came before it may run first, one after the other; what comes later may not.
    std::int64_t before = 0;
    for (auto const id : all)
      before += *f.core_.facts(id).constraints.timeout_ms;
    auto const latest = f.now_ + 61'000 + before + 5000;
    while (!f.runs(waits)) {
      REQUIRE(f.now_ <= latest);
      one(1);
      one(1);
      step();
    }
  }
}

TEST_CASE("reservation: it changes no order: what is of another kind waits for those before it") {
  reserving f;
  f.join(f.node("a", 2));
  f.join(f.node("b", 2));
  std::vector<job_id> all;
  for (int i = 0; i < 20; ++i)
    all.push_back(f.submitted(cores(1, minute_ms)));
  auto other = cores(1, 2 * minute_ms);
  other.resources.memory_mb = 1;
  auto const later = f.submitted(other);
  std::size_t started = 4;
  for (std::size_t i = 0; i < all.size(); ++i) {
    f.advance(1500);
    f.end(all[i]);
    // Two nodes: once fewer wait before it, room on one of them is kept for the later one.
    started = std::min(started + 1, all.size());
    bool const may_run = started + 2 > all.size();
    CHECK((may_run || !f.runs(later)));
    for (std::size_t k = i + 1; k < all.size() && !may_run; ++k)
      CHECK(f.runs(all[k]) == (k < started));
  }
  CHECK(f.runs(later));
}

TEST_CASE("reservation: the likes of a job have the next ones, each on a node of its own") {
  reserving f;
  std::vector<job_id> small;
  for (auto const* const name : {"a", "b"}) {
    f.join(f.node(name, 2));
    for (int i = 0; i < 2; ++i)
      small.push_back(f.submitted(cores(1, 10 * minute_ms)));
  }
  auto const first = f.submitted(cores(2, minute_ms));
  auto const second = f.submitted(cores(2, minute_ms));
  auto const third = f.submitted(cores(2, minute_ms));
  f.advance(2000);
  CHECK(f.reason(first).find("node a is kept for it") != std::string::npos);
  CHECK(f.reason(second).find("node b is kept for it") != std::string::npos);
  CHECK(f.reason(third).find("kept for it") == std::string::npos);
  for (auto const each : small)
    f.end(each);
  CHECK(f.place_of(first) == "a");
  CHECK(f.place_of(second) == "b");
}

TEST_CASE("reservation: room that is not kept any more is free at once") {
  core_settings settings;
  settings.tenants["a"].quota.cpu = milli{2000};
  fixture f{settings};
  f.join(f.node("x", 2));
  f.submitted(cores(1, 10 * minute_ms));
  auto const large = f.submitted(cores(2, minute_ms, priority::batch, "a"));
  f.advance(3000);
  REQUIRE(f.reason(large).starts_with("room on node x is kept"));
  f.join(f.node("y", 1));
  CHECK(f.runs(f.submitted(cores(1, 0, priority::batch, "a"))));
  auto const small = f.submitted(cores(1, 0));
  CHECK_FALSE(f.runs(small));
  f.advance(1000);  // the tenant's quota does not admit the large one any more
  CHECK(f.runs(small));
}
