#include "actors/event_feed.hpp"

#include <doctest/doctest.h>

#include "actors/trace_id.hpp"
#include "tests/actors/support.hpp"

using namespace nsai;

namespace {

actors::job_label const label{"a", "", "", "", "echo", "", ""};

actors::occurrence started() {
  scheduling::happened what;
  what.what = scheduling::happening::job_started;
  what.job = {1};
  return {what, &label, {1000}};
}

struct feed_fixture : tests::virtual_system {
  actors::event_feed feed;
  std::vector<events> got;
  caf::actor reader = sys.spawn([this](caf::event_based_actor*) -> caf::behavior {
    return {[this](events const& m) { got.push_back(m); }};
  });
  caf::actor sender = sys.spawn([this](caf::event_based_actor* self) -> caf::behavior {
    return {
        [this, self](int count) {
          std::vector<actors::occurrence> list(static_cast<std::size_t>(count), started());
          feed.publish(self, std::move(list));
        },
        [this, self](std::uint64_t sequence) { feed.confirm(self, reader.address(), sequence); },
    };
  });
  feed_fixture() { run(); }
  ~feed_fixture() {
    end(reader);
    end(sender);
  }
  void publish(int count) {
    caf::anon_send(sender, count);
    run();
  }
  void confirm(std::uint64_t sequence) {
    caf::anon_send(sender, sequence);
    run();
  }
};

}  // namespace

namespace {
/// work.job.started of the n-th occurrence.
std::uint64_t started_no(std::uint64_t n) {
  return actors::sequence_at({n, 2});
}
watch_events wish(std::string tenant, std::string pattern, bool follow, std::uint64_t after,
                  std::string handler = {}) {
  return {std::move(tenant), std::move(pattern), follow, after, std::move(handler)};
}
constexpr char const* only_started = "work.job.*";
}  // namespace

TEST_CASE("patterns match names") {
  CHECK(actors::name_matches("work.job.*", "work.job.started"));
  CHECK_FALSE(actors::name_matches("work.job.*", "work.node.lost"));
  CHECK(actors::name_matches("work.?ob.s*d", "work.job.started"));
  CHECK(actors::name_matches("crucible.*,work.node.*", "work.node.lost"));
  CHECK_FALSE(actors::name_matches("crucible.*,work.node", "work.node.lost"));
  CHECK(actors::name_matches("", "work.anything"));
  CHECK_FALSE(actors::name_matches("", "crucible.stage.started"));
  CHECK(actors::name_matches("**", "crucible.stage.started"));
  CHECK_FALSE(actors::name_matches("work.job.started?", "work.job.started"));
}

TEST_CASE("a pattern of many stars is answered at once") {
  std::string stars;
  for (int i = 0; i < 200; ++i)
    stars += "*o";
  CHECK_FALSE(actors::name_matches(stars + "x", std::string(500, 'o')));
}

TEST_CASE("sequence numbers lead back to the occurrence and its name") {
  CHECK(actors::sequence_at({1, 0}) == 1);
  for (std::uint64_t n = 1; n < 50; ++n) {
    auto const place = actors::place_of(n);
    CHECK(actors::sequence_at(place) == n);
  }
}

TEST_CASE("trace ids: 32 hex digits, the same for the same job, others for another") {
  auto const seed = actors::trace_seed("uuid");
  auto const one = actors::trace_id_of(seed, {1});
  CHECK(one.size() == 32);
  CHECK(one.find_first_not_of("0123456789abcdef") == std::string::npos);
  CHECK(one == actors::trace_id_of(seed, {1}));
  CHECK(one != actors::trace_id_of(seed, {2}));
  CHECK(one != actors::trace_id_of(actors::trace_seed("other"), {1}));
}

TEST_CASE_FIXTURE(feed_fixture, "events: one start has a name for everyone who asks, in order") {
  feed.learn_backend("echo", "in_process");
  publish(1);
  auto const all = feed.subscribe(wish("a", "*", false, 0), {}).list;
  std::vector<std::string> names;
  std::uint64_t last = 0;
  for (auto const& e : all) {
    names.push_back(e.name);
    CHECK(e.sequence > last);
    last = e.sequence;
    CHECK(e.trace_id.size() == 32);
    CHECK(e.measurements.at("count") == 1);
    CHECK(e.measurements.contains("queue_ms"));
  }
  CHECK(names == std::vector<std::string>{"work.queue.dequeue", "work.scheduler.select_backend",
                                          "work.job.started", "work.backend.crucible.stage.start",
                                          "crucible.stage.started"});
  CHECK(all[1].detail == "in_process");
  // One who has read the first three goes on with the fourth.
  auto const rest = feed.subscribe(wish("a", "*", false, all[2].sequence), {}).list;
  REQUIRE(rest.size() == 2);
  CHECK(rest[0].name == "work.backend.crucible.stage.start");
}

TEST_CASE_FIXTURE(feed_fixture, "events: a follower gets what comes, numbered in order") {
  CHECK(feed.subscribe(wish("a", only_started, true, 0), reader).list.empty());
  publish(2);
  publish(1);
  REQUIRE(got.size() == 2);
  CHECK(got[0].list[1].sequence == started_no(2));
  CHECK(got[1].list[0].sequence == started_no(3));
  auto const recent = feed.subscribe(wish("a", only_started, false, 0), {}).list;
  REQUIRE(recent.size() == 3);
  CHECK(recent[0].sequence == started_no(1));
  CHECK(recent[2].name == "work.job.started");
  CHECK(recent[2].stage_name == "echo");
}

TEST_CASE_FIXTURE(feed_fixture, "events: only the latest are kept, with the numbers they had") {
  publish(150'000);
  publish(3);
  auto const recent = feed.subscribe(wish("a", only_started, false, 0), {}).list;
  REQUIRE(recent.size() == 10'000);
  CHECK(recent.front().sequence == started_no(140'004));
  CHECK(recent.back().sequence == started_no(150'003));
  // An answer is bounded; the reader asks again where it ended.
  std::vector<event> all;
  std::uint64_t dropped = 0;
  auto part = feed.subscribe(wish("a", only_started, false, started_no(1)), {});
  for (;; part = feed.subscribe(wish("a", only_started, false, part.position), {})) {
    CHECK(part.list.size() <= 10'000);
    all.insert(all.end(), part.list.begin(), part.list.end());
    dropped += part.dropped;
    if (!part.more)
      break;
  }
  CHECK(all.size() == 100'000);
  CHECK(all.front().sequence == started_no(50'004));
  // Occurrences 2 to 50,003, and the first whose later names had not been asked for yet.
  CHECK(dropped == 50'003);
}

TEST_CASE_FIXTURE(feed_fixture, "events: one who comes back goes on after the last number it saw") {
  publish(10);
  auto const rest = feed.subscribe(wish("a", only_started, true, started_no(7)), reader);
  REQUIRE(rest.list.size() == 3);
  CHECK(rest.list[0].sequence == started_no(8));
  CHECK(rest.dropped == 0);
  publish(1);
  REQUIRE(got.size() == 1);
  CHECK(got[0].list[0].sequence == started_no(11));
  CHECK(feed.subscribe(wish("a", "", true, only_new_events), reader).list.empty());
}

TEST_CASE_FIXTURE(feed_fixture,
                  "events: a new start goes on with new numbers and owes nothing of before") {
  feed = actors::event_feed{5000};
  publish(2);
  auto const rest = feed.subscribe(wish("a", only_started, false, 100), {});
  REQUIRE(rest.list.size() == 2);
  CHECK(rest.list[0].sequence == started_no(5001));
  CHECK(rest.dropped == 0);
}

TEST_CASE_FIXTURE(feed_fixture, "events: another tenant's jobs are not shown (P8)") {
  feed.subscribe(wish("b", "", true, 0), reader);
  publish(1);
  CHECK(got.empty());
  CHECK(feed.subscribe(wish("b", "", false, 0), {}).list.empty());
}

TEST_CASE_FIXTURE(feed_fixture, "events: who reads slowly is sent a little ahead, and catches up") {
  feed.subscribe(wish("a", only_started, true, 0), reader);
  publish(10'000);
  publish(5);
  REQUIRE(got.size() == 4);
  confirm(started_no(1000));
  REQUIRE(got.size() == 5);
  for (std::size_t seen = 4; seen < got.size(); ++seen)
    confirm(got[seen].list.back().sequence);
  std::uint64_t last = 0;
  for (auto const& mail : got)
    for (auto const& e : mail.list) {
      CHECK(mail.dropped == 0);
      REQUIRE(e.sequence == started_no(last + 1));
      ++last;
    }
  CHECK(last == 10'005);
}

TEST_CASE_FIXTURE(feed_fixture,
                  "events: who reads far too slowly misses some, and is told how many at most") {
  feed.subscribe(wish("a", only_started, true, 0), reader);
  publish(4000);
  publish(100'007);
  REQUIRE(got.size() == 4);
  confirm(started_no(4000));
  REQUIRE(got.size() == 8);
  CHECK(got[4].dropped >= 7);
  CHECK(got[4].dropped <= 8);
  CHECK(got[4].list.front().sequence == started_no(4008));
}

TEST_CASE_FIXTURE(feed_fixture, "a handler's name is its tenant's own, and detached by it") {
  CHECK_FALSE(feed.subscribe(wish("a", "", true, 0, "h"), reader).error);
  CHECK_FALSE(feed.subscribe(wish("a", "", true, 0, "h"), reader).error);  // after a reconnect
  auto const taken = feed.subscribe(wish("a", "", true, 0, "h"), sender);
  REQUIRE(taken.error);
  CHECK(taken.error->code == "conflict");
  CHECK_FALSE(feed.subscribe(wish("b", "", true, 0, "h"), sender).error);
  CHECK(feed.subscribe(wish("a", "", true, 0, "no name"), sender).error->category == "usage");
  CHECK_FALSE(feed.detach("a", "other"));
  CHECK_FALSE(feed.detach("c", "h"));
  CHECK_FALSE(feed.detach("a", ""));
  CHECK(feed.detach("a", "h") == reader);
  publish(1);
  CHECK(got.empty());
}
