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
    return {[this, self](int count) {
      std::vector<actors::occurrence> list(static_cast<std::size_t>(count), started());
      feed.publish(self, std::move(list));
    }};
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
};

}  // namespace

TEST_CASE("patterns match names") {
  CHECK(actors::name_matches("work.job.*", "work.job.started"));
  CHECK_FALSE(actors::name_matches("work.job.*", "work.node.lost"));
  CHECK(actors::name_matches("", "anything"));
}

TEST_CASE_FIXTURE(feed_fixture, "events: a follower gets what comes, numbered without a gap") {
  CHECK(feed.subscribe({"a", "work.*", true}, reader).list.empty());
  publish(2);
  publish(1);
  REQUIRE(got.size() == 2);
  CHECK(got[0].list[1].sequence == 2);
  CHECK(got[1].list[0].sequence == 3);
  auto const recent = feed.subscribe({"a", "", false}, {}).list;
  REQUIRE(recent.size() == 3);
  CHECK(recent[0].sequence == 1);
  CHECK(recent[2].name == "work.job.started");
  CHECK(recent[2].stage_name == "echo");
}

TEST_CASE_FIXTURE(feed_fixture, "events: only the latest are kept, with the numbers they had") {
  publish(15'000);
  publish(3);
  auto const recent = feed.subscribe({"a", "", false}, {}).list;
  REQUIRE(recent.size() == 10'000);
  CHECK(recent.front().sequence == 5'004);
  CHECK(recent.back().sequence == 15'003);
}

TEST_CASE_FIXTURE(feed_fixture, "events: another tenant's jobs are not shown (P8)") {
  feed.subscribe({"b", "", true}, reader);
  publish(1);
  CHECK(got.empty());
  CHECK(feed.subscribe({"b", "", false}, {}).list.empty());
}

TEST_CASE_FIXTURE(feed_fixture, "events: who reads too slowly misses some, and is told how many") {
  feed.subscribe({"a", "", true}, reader);
  publish(20'000);
  publish(5);
  CHECK(got.size() == 1);
  feed.confirm(reader.address(), 20'000);
  publish(1);
  REQUIRE(got.size() == 2);
  CHECK(got[1].dropped == 5);
}
