// What orders, windows and an end come to, moment by moment.
#include "scheduling/service.hpp"

#include <doctest/doctest.h>

using namespace nsai;
using namespace nsai::scheduling;

namespace {

constexpr timestamp t0{1'700'000'000'000};

node_order drained(timestamp since, timestamp deadline = {}) {
  node_order order;
  order.since = since;
  order.deadline = deadline;
  order.reason = "a new fan";
  return order;
}

}  // namespace

TEST_CASE("service: without orders, windows and an end a node is in service for ever") {
  auto const s = service_at({}, {}, {}, t0);
  CHECK_FALSE(s.draining);
  CHECK_FALSE(s.horizon);
  CHECK_FALSE(s.changes_at);
}

TEST_CASE(
    "service: an order drains until it is taken back, its deadline comes on its millisecond") {
  auto const order = drained(t0, t0 + 100);
  auto const before = service_at(order, {}, {}, t0 + 99);
  CHECK(before.draining);
  CHECK(before.drain.reason == "a new fan");
  CHECK(before.changes_at == t0 + 100);
  CHECK_FALSE(before.is_past_deadline(t0 + 99));
  auto const after = service_at(order, {}, {}, t0 + 100);
  CHECK(after.is_past_deadline(t0 + 100));
  CHECK_FALSE(after.changes_at);
}

TEST_CASE("service: a window bounds what starts before it, drains while it lasts, and ends") {
  maintenance_window const w{t0 + 1000, t0 + 2000};
  for (bool const of_config : {false, true}) {
    node_order order;
    std::vector<maintenance_window> config;
    (of_config ? config : order.windows).push_back(w);
    auto const before = service_at(order, config, {}, t0 + 999);
    CHECK_FALSE(before.draining);
    CHECK(before.horizon == w.from);
    CHECK(before.changes_at == w.from);
    auto const in = service_at(order, config, {}, w.from);
    CHECK(in.draining);
    CHECK(in.is_past_deadline(w.from));
    CHECK(in.changes_at == w.until);
    CHECK_FALSE(in.drain.reason.empty());
    CHECK(service_at(order, config, {}, t0 + 1999).draining);
    CHECK_FALSE(service_at(order, config, {}, w.until).draining);
  }
}

TEST_CASE("service: windows that touch or overlap drain without a gap; the next one bounds") {
  node_order order;
  order.windows = {{t0 + 300, t0 + 400}, {t0 + 100, t0 + 200}, {t0 + 150, t0 + 300}};
  for (std::int64_t ms = 100; ms < 400; ++ms)
    REQUIRE(service_at(order, {}, {}, t0 + ms).draining);
  CHECK(service_at(order, {}, {}, t0 + 99).horizon == t0 + 100);
  CHECK(service_at(order, {}, {}, t0 + 250).changes_at == t0 + 300);
  CHECK_FALSE(service_at(order, {}, {}, t0 + 400).draining);
}

TEST_CASE("service: an order and a window together: the earlier deadline, the order's reason") {
  auto order = drained(t0, t0 + 5000);
  order.windows = {{t0 + 1000, t0 + 2000}};
  CHECK(service_at(order, {}, {}, t0 + 1).drain.deadline == t0 + 5000);
  CHECK(service_at(order, {}, {}, t0 + 1000).is_past_deadline(t0 + 1000));
  CHECK(service_at(order, {}, {}, t0 + 1500).drain.reason == "a new fan");
  CHECK(service_at(order, {}, {}, t0 + 2500).draining);
}

TEST_CASE("service: what was dismissed of the config's windows is that one only") {
  node_order order;
  order.dismissed = t0 + 50;
  std::vector<maintenance_window> const config{{t0, t0 + 100}, {t0 + 200, t0 + 300}};
  CHECK_FALSE(service_at(order, config, {}, t0 + 60).draining);
  CHECK(service_at(order, config, {}, t0 + 60).horizon == t0 + 200);
  CHECK(service_at(order, config, {}, t0 + 200).draining);
}

TEST_CASE("service: a node that leaves bounds what starts; the earlier of end and window counts") {
  CHECK(service_at({}, {}, t0 + 500, t0).horizon == t0 + 500);
  CHECK(service_at({}, {{t0 + 400, t0 + 450}}, t0 + 500, t0).horizon == t0 + 400);
  CHECK(service_at({}, {{t0 + 600, t0 + 650}}, t0 + 500, t0).horizon == t0 + 500);
}

TEST_CASE("time bound: the timeout, else the estimate, else the largest there is") {
  constraints c;
  c.timeout_ms = 0;
  CHECK(time_bound_ms(c) == longest_bound_ms);
  c.estimated_duration_ms = 5000;
  CHECK(time_bound_ms(c) == 5000);
  c.timeout_ms = 7000;
  CHECK(time_bound_ms(c) == 7000);
}

TEST_CASE("time bound: three digits of it, never less") {
  for (std::int64_t const round : std::vector<std::int64_t>{1, 999, 90'000, 3'600'000})
    CHECK(coarse_bound_ms(round) == round);
  CHECK(coarse_bound_ms(59'999) == 60'000);
  CHECK(coarse_bound_ms(1'234'567) == 1'240'000);
}
