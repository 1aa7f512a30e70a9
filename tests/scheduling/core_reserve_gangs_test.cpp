// Reservations of gangs: several nodes, kept for the same time.
#include <random>

#include "tests/scheduling/gangs.hpp"

using namespace nsai;
using namespace nsai::scheduling;
using namespace nsai::scheduling::tests;

namespace {

submission small_job(std::int64_t timeout_ms, std::int64_t cores = 1) {
  auto s = fixture::job();
  s.resources.cpu.value = cores * 1000;
  s.constraints.timeout_ms = timeout_ms;
  return s;
}

/// Some nodes on which small jobs never end: one that does is replaced by two.
struct crowded {
  explicit crowded(std::uint64_t seed) : random(seed) {}

  void join(int nodes) {
    for (int i = 0; i < nodes; ++i)
      f.join(f.node("n" + std::to_string(i), 4));
    for (int i = 0; i < nodes * 8; ++i)
      submit_one();
  }
  void submit_one() {
    auto const timeout_ms = static_cast<std::int64_t>(1 + random() % most_ms);
    auto const id = f.submitted(small_job(timeout_ms, static_cast<std::int64_t>(1 + random() % 2)));
    takes_ms[id] = static_cast<std::int64_t>(1 + random() % static_cast<std::uint64_t>(timeout_ms));
    waiting.insert(id);
  }
  /// A second; what has run for as long as it takes ends.
  void pass() {
    f.advance(1000);
    std::vector<job_id> started;
    for (auto const id : waiting)
      if (f.runs(id))
        started.push_back(id);
    for (auto const id : started) {
      waiting.erase(id);
      ends.emplace(f.now_ + takes_ms.at(id), id);
    }
    while (!ends.empty() && ends.begin()->first <= f.now_) {
      f.end(ends.begin()->second);
      ends.erase(ends.begin());
      submit_one();
    }
  }

  static constexpr std::uint64_t most_ms = 60'000;
  fixture f;
  std::mt19937_64 random;
  std::map<job_id, std::int64_t> takes_ms;
  std::set<job_id> waiting;
  std::multimap<timestamp, job_id> ends;
};

}  // namespace

TEST_CASE("gang reservation: it starts within the longest run time of endless small jobs") {
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    CAPTURE(seed);
    crowded c{seed};
    auto const nodes = static_cast<int>(3 + seed % 4);
    c.join(nodes);
    for (int i = 0; i < 30; ++i)
      c.pass();
    auto s =
        gang_of(static_cast<std::int32_t>(2 + c.random() % static_cast<std::uint64_t>(nodes - 1)),
                static_cast<std::int64_t>(2 + c.random() % 3));
    auto const gang = c.f.submit(s).id;
    auto const ahead = c.waiting;  // those that came before it have the turn first
    auto const first_turn = [&] {
      return std::none_of(ahead.begin(), ahead.end(),
                          [&](job_id id) { return c.waiting.contains(id); });
    };
    while (!first_turn() && !c.f.runs(gang))
      c.pass();
    int seconds = 0;
    // What runs when it gets its room is over in time; and so is what is kept for single jobs.
    int const bound = 2 * static_cast<int>(c.most_ms / 1000) + 5;
    for (; !c.f.runs(gang) && seconds <= bound; ++seconds)
      c.pass();
    CHECK(seconds <= bound);
  }
}

TEST_CASE("gang reservation: it starts when it was said to, with small jobs before and beside it") {
  fixture f;
  join_three(f);
  f.submitted(small_job(10'000));
  auto const middle = f.submitted(small_job(20'000));
  auto const last = f.submitted(small_job(30'000));
  auto const start = f.now_;
  auto const gang = f.submit(gang_of(3, 2)).id;
  f.advance(2000);
  CHECK(f.reason(gang) == "room on nodes a, b and c is kept for it, by " +
                              to_rfc3339(start + 30'000) + " at the latest");
  CHECK(f.reason(member(gang, 1)) == f.reason(gang));
  CHECK_FALSE(f.runs(f.submitted(small_job(0))));
  CHECK_FALSE(f.runs(f.submitted(small_job(29'000))));
  auto const brief = f.submitted(small_job(20'000));
  CHECK(f.runs(brief));
  f.end({1});
  f.end(middle);
  f.end(brief);
  CHECK_FALSE(f.runs(gang));
  f.end(last);
  CHECK(f.runs(gang));
}

TEST_CASE("gang reservation: what takes nothing of its room runs beside it") {
  fixture f;
  join_three(f);
  auto const long_one = f.submitted(small_job(0, 2));
  auto const gang = f.submit(gang_of(3, 1)).id;
  f.advance(2000);
  CHECK(f.reason(gang) ==
        "room on nodes a, b and c is kept for it; what runs there has no timeout "
        "and no estimate");
  auto const beside = f.submitted(small_job(0));
  CHECK(f.runs(beside));
  CHECK(f.runs(f.submitted(small_job(0))));
  CHECK_FALSE(f.runs(f.submitted(small_job(0))));
  f.end(long_one);
  CHECK(f.runs(gang));
}

TEST_CASE("gang reservation: a node that is lost is replaced by another") {
  fixture f;
  join_three(f);
  std::vector<job_id> blockers;
  for (int i = 0; i < 3; ++i)
    blockers.push_back(f.submitted(small_job(60'000, 2)));
  auto const gang = f.submit(gang_of(2, 2)).id;
  f.advance(2000);
  CHECK(f.reason(gang).starts_with("room on nodes a and b is kept for it"));
  f.drain("a");
  f.advance(2000);
  CHECK(f.reason(gang).starts_with("room on nodes b and c is kept for it"));
  f.drain("b");
  f.advance(2000);
  CHECK_FALSE(f.reason(gang).starts_with("room on"));
  f.resume("a");
  f.advance(2000);
  f.end(blockers[0]);
  f.end(blockers[2]);
  CHECK(f.runs(gang));
}

TEST_CASE(
    "gang reservation: of two that need all nodes the first starts first, and then the other") {
  crowded c{7};
  c.join(4);
  auto const first = c.f.submit(gang_of(4, 3)).id;
  auto const second = c.f.submit(gang_of(4, 4)).id;
  for (int i = 0; i < 400 && !c.f.runs(first); ++i)
    c.pass();
  REQUIRE(c.f.runs(first));
  CHECK_FALSE(c.f.runs(second));
  for (std::uint64_t rank = 0; rank < 4; ++rank)
    c.f.end(member(first, rank));
  for (int i = 0; i < 400 && !c.f.runs(second); ++i)
    c.pass();
  CHECK(c.f.runs(second));
}

TEST_CASE("gang reservation: a cancel gives the room back") {
  fixture f;
  join_three(f);
  f.submitted(small_job(60'000, 2));
  auto const gang = f.submit(gang_of(3, 2)).id;
  f.advance(2000);
  auto const small = f.submitted(small_job(0));
  CHECK_FALSE(f.runs(small));
  f.cancel(gang);
  CHECK(f.runs(small));
}
