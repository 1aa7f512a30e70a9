#include "actors/event_feed.hpp"

#include <doctest/doctest.h>

#include "tests/actors/support.hpp"

using namespace nsai;

namespace {

actors::job_label const label{"a", "", "", "", "echo"};

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

TEST_CASE("patterns match names") {
  CHECK(actors::name_matches("work.job.*", "work.job.started"));
  CHECK_FALSE(actors::name_matches("work.job.*", "work.node.lost"));
  CHECK(actors::name_matches("", "anything"));
}

TEST_CASE_FIXTURE(feed_fixture, "events: a follower gets what comes, numbered without a gap") {
  CHECK(feed.subscribe({"a", "work.*", true, 0}, reader).list.empty());
  publish(2);
  publish(1);
  REQUIRE(got.size() == 2);
  CHECK(got[0].list[1].sequence == 2);
  CHECK(got[1].list[0].sequence == 3);
  auto const recent = feed.subscribe({"a", "", false, 0}, {}).list;
  REQUIRE(recent.size() == 3);
  CHECK(recent[0].sequence == 1);
  CHECK(recent[2].name == "work.job.started");
  CHECK(recent[2].stage_name == "echo");
}

TEST_CASE_FIXTURE(feed_fixture, "events: only the latest are kept, with the numbers they had") {
  publish(150'000);
  publish(3);
  auto const recent = feed.subscribe({"a", "", false, 0}, {}).list;
  REQUIRE(recent.size() == 10'000);
  CHECK(recent.front().sequence == 140'004);
  CHECK(recent.back().sequence == 150'003);
  auto const all = feed.subscribe({"a", "", false, 1}, {});
  CHECK(all.list.size() == 100'000);
  CHECK(all.list.front().sequence == 50'004);
  CHECK(all.dropped == 50'002);
}

TEST_CASE_FIXTURE(feed_fixture, "events: one who comes back goes on after the last number it saw") {
  publish(10);
  auto const rest = feed.subscribe({"a", "", true, 7}, reader);
  REQUIRE(rest.list.size() == 3);
  CHECK(rest.list[0].sequence == 8);
  CHECK(rest.dropped == 0);
  publish(1);
  REQUIRE(got.size() == 1);
  CHECK(got[0].list[0].sequence == 11);
  CHECK(feed.subscribe({"a", "", true, only_new_events}, reader).list.empty());
}

TEST_CASE_FIXTURE(feed_fixture,
                  "events: a new start goes on with new numbers and owes nothing of before") {
  feed = actors::event_feed{5000};
  publish(2);
  auto const rest = feed.subscribe({"a", "", false, 100}, {});
  REQUIRE(rest.list.size() == 2);
  CHECK(rest.list[0].sequence == 5001);
  CHECK(rest.dropped == 0);
}

TEST_CASE_FIXTURE(feed_fixture, "events: another tenant's jobs are not shown (P8)") {
  feed.subscribe({"b", "", true, 0}, reader);
  publish(1);
  CHECK(got.empty());
  CHECK(feed.subscribe({"b", "", false, 0}, {}).list.empty());
}

TEST_CASE_FIXTURE(feed_fixture, "events: who reads slowly is sent a little ahead, and catches up") {
  feed.subscribe({"a", "", true, 0}, reader);
  publish(10'000);
  publish(5);
  REQUIRE(got.size() == 4);
  confirm(1000);
  REQUIRE(got.size() == 5);
  for (std::size_t seen = 4; seen < got.size(); ++seen)
    confirm(got[seen].list.back().sequence);
  std::uint64_t last = 0;
  for (auto const& mail : got) {
    CHECK(mail.dropped == 0);
    CHECK(mail.list.front().sequence == last + 1);
    last = mail.list.back().sequence;
  }
  CHECK(last == 10'005);
}

TEST_CASE_FIXTURE(feed_fixture,
                  "events: who reads far too slowly misses some, and is told how many") {
  feed.subscribe({"a", "", true, 0}, reader);
  publish(4000);
  publish(100'007);
  REQUIRE(got.size() == 4);
  confirm(4000);
  REQUIRE(got.size() == 8);
  CHECK(got[4].dropped == 7);
  CHECK(got[4].list.front().sequence == 4008);
}
