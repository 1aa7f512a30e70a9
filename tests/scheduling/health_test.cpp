#include "scheduling/health.hpp"

#include <doctest/doctest.h>

using namespace nsai;
using namespace nsai::scheduling;

namespace {

constexpr place_no node = 100;
constexpr place_no other_node = 101;

/// Devices 0 to `count` - 1 of one model on one node, and two nodes.
struct devices {
  explicit devices(place_no count) {
    for (place_no i = 0; i < count; ++i)
      h.add(i, 7);
    h.add(node, 0);
    h.add(other_node, 0);
  }
  static health_attempt on(place_no device, std::uint64_t job, tenant_index tenant,
                           std::uint64_t program) {
    return {{job}, tenant, program, node, {device}};
  }
  health::changes fail(place_no device, std::uint64_t job, tenant_index tenant,
                       std::uint64_t program) {
    return h.failed(on(device, job, tenant, program), now);
  }
  health::changes succeed(place_no device, std::uint64_t job, std::uint64_t program) {
    return h.succeeded(on(device, job, 1, program), now);
  }
  bool is_quarantined(place_no place) const { return h.of(place) == place_health::quarantined; }

  health h;
  timestamp now{1'000'000};
};

}  // namespace

TEST_CASE("health: different jobs of two tenants in a row quarantine a device") {
  devices d{10};
  CHECK(d.fail(0, 1, 1, 11).empty());
  CHECK(d.fail(0, 2, 1, 12).empty());  // another job of the same tenant
  auto const list = d.fail(0, 3, 2, 13);
  REQUIRE(list.size() == 1);
  CHECK(list[0].now == place_health::quarantined);
  CHECK(list[0].blamed == std::vector<job_id>{{1}, {2}, {3}});
  CHECK(d.h.reason(0) == "3 jobs of 2 tenants failed here in a row");
}

TEST_CASE("health: evidence of the hardware stands until it is taken back, and has no bound") {
  devices d{2};
  CHECK(d.h.witness(0, "", d.now).empty());
  CHECK(d.h.witness(0, "lost", d.now).size() == 1);
  CHECK(d.h.witness(1, "lost", d.now).size() == 1);
  CHECK(d.h.witness(0, "lost", d.now).empty());
  CHECK_FALSE(d.h.until(0));
  CHECK(d.h.advance(d.now + 100 * 60 * 60 * 1000).empty());
  CHECK(d.h.fault(devices::on(0, 1, 1, 11), d.now).empty());
  CHECK(d.is_quarantined(0));
  auto const list = d.h.witness(0, "", d.now);
  REQUIRE(list.size() == 1);
  CHECK(list[0].now == place_health::sound);
  CHECK(list[0].reason == "its node finds it sound again");
  CHECK(d.is_quarantined(1));
}

TEST_CASE("health: evidence outlasts a quarantine that would have ended") {
  devices d{1};
  d.h.fault(devices::on(0, 1, 1, 11), d.now);
  CHECK(d.h.until(0) == d.now + 60'000);
  d.h.witness(0, "lost", d.now + 1);
  CHECK(d.h.advance(d.now + 60'000).empty());
  CHECK(d.is_quarantined(0));
  d.h.release(0);
  CHECK(d.h.of(0) == place_health::sound);
  CHECK(d.h.witness(0, "lost", d.now).empty());
  CHECK(d.h.witness(0, "", d.now).empty());
}

TEST_CASE("health: one job that fails again and again says nothing, nor does a success between") {
  devices d{10};
  d.fail(0, 1, 1, 11);
  d.fail(0, 1, 1, 11);
  CHECK_FALSE(d.is_quarantined(0));
  d.succeed(0, 2, 12);
  d.fail(0, 3, 2, 13);
  CHECK_FALSE(d.is_quarantined(0));
}

TEST_CASE("health: two jobs that failed on a device and succeed on another quarantine it") {
  devices d{10};
  d.fail(0, 1, 1, 11);
  d.fail(0, 2, 1, 11);
  CHECK(d.succeed(1, 1, 11).empty());
  auto const list = d.succeed(1, 2, 11);
  REQUIRE(list.size() == 1);
  CHECK(list[0].place == 0);
  CHECK(d.h.reason(0) == "2 jobs that failed here succeeded elsewhere");
}

TEST_CASE("health: an hour later nobody remembers a failure") {
  devices d{10};
  d.fail(0, 1, 1, 11);
  d.now = d.now + 3'600'001;
  d.fail(0, 2, 2, 12);
  CHECK_FALSE(d.is_quarantined(0));
}

TEST_CASE("health: a program that fails everywhere is held against no device") {
  devices d{10};
  d.fail(0, 1, 1, 11);
  d.fail(1, 2, 2, 11);
  d.fail(0, 3, 2, 11);
  d.fail(1, 4, 1, 11);
  CHECK_FALSE(d.is_quarantined(0));
  CHECK_FALSE(d.is_quarantined(1));
}

TEST_CASE("health: at most a fifth of a model, unless the hardware itself says so") {
  devices d{10};
  for (place_no device = 0; device < 3; ++device) {
    d.fail(device, 10 + device, 1, 20 + device);
    d.fail(device, 30 + device, 2, 40 + device);
  }
  CHECK(d.is_quarantined(0));
  CHECK(d.is_quarantined(1));
  CHECK_FALSE(d.is_quarantined(2));
  for (place_no device = 2; device < 10; ++device)
    d.h.fault(devices::on(device, 50, 1, 60), d.now);
  CHECK(d.is_quarantined(2));
  CHECK(d.is_quarantined(9));
}

TEST_CASE("health: of fewer than five of a model none goes without evidence") {
  devices d{4};
  d.fail(0, 1, 1, 11);
  d.fail(0, 2, 2, 12);
  CHECK_FALSE(d.is_quarantined(0));
  CHECK(d.h.fault(devices::on(0, 3, 1, 13), d.now).size() == 1);
}

TEST_CASE("health: probation after a minute; a success releases, a failure doubles the time") {
  devices d{10};
  d.h.fault(devices::on(0, 1, 1, 11), d.now);
  CHECK(d.h.next() == d.now + 60'000);
  d.now = d.now + 59'999;
  CHECK(d.h.advance(d.now).empty());
  d.now = d.now + 1;
  CHECK(d.h.advance(d.now).size() == 1);
  CHECK(d.h.of(0) == place_health::probation);
  CHECK(d.fail(0, 2, 1, 12).size() == 1);
  CHECK(d.h.until(0) == d.now + 120'000);
  d.now = d.now + 120'000;
  d.h.advance(d.now);
  auto const list = d.succeed(0, 3, 13);
  REQUIRE(list.size() == 1);
  CHECK(list[0].now == place_health::sound);
  CHECK(d.h.next() == timestamp{});
}

TEST_CASE("health: a place is released by hand, and starts with a clean sheet") {
  devices d{10};
  d.h.fault(devices::on(0, 1, 1, 11), d.now);
  CHECK(d.h.release(0).size() == 1);
  CHECK(d.h.of(0) == place_health::sound);
  d.h.fault(devices::on(0, 1, 1, 11), d.now);
  CHECK(d.h.until(0) == d.now + 60'000);
}

TEST_CASE("health: five different jobs in a row make a node start one at a time") {
  devices d{10};
  for (std::uint64_t job = 1; job <= 4; ++job)
    d.fail(0, job, 1, 10 + job);
  d.fail(0, 4, 1, 14);
  CHECK_FALSE(d.h.starts_one_at_a_time(node));
  d.fail(0, 5, 1, 15);
  CHECK(d.h.starts_one_at_a_time(node));
  CHECK(d.h.last_failure(node) == d.now);
  d.succeed(1, 6, 16);
  CHECK_FALSE(d.h.starts_one_at_a_time(node));
}

TEST_CASE("health: programs that fail on other nodes too are not counted against a node") {
  devices d{10};
  d.h.failed({{50}, 1, 11, other_node, {other_node}}, d.now);
  for (std::uint64_t job = 1; job <= 9; ++job)
    d.fail(0, job, 1, 11);
  CHECK_FALSE(d.h.starts_one_at_a_time(node));
}
