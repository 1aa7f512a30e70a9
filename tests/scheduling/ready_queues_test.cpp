#include "scheduling/ready_queues.hpp"

#include <string>
#include <vector>

#include <doctest/doctest.h>

using namespace nsai;
using namespace nsai::scheduling;

namespace {

struct queues {
  ready_queues q;
  std::uint64_t next = 1;

  queue_slot push(tenant_index tenant, owner_index owner = 0, shape_index shape = 0,
                  priority level = priority::batch, bool at_front = false) {
    auto const slot = q.push({next++}, {level, tenant, owner, shape}, {1000}, at_front);
    q.check();
    return slot;
  }
  template <class W>
  std::uint64_t take(W wanted, priority level = priority::batch) {
    shape_set set;
    for (auto const shape : q.shapes(level))
      if (wanted(shape))
        set.add(shape);
    auto const slot = q.front(level, set).slot;
    if (slot == none)
      return 0;
    auto const job = q[slot].job.value;
    q.serve(slot);
    q.check();
    return job;
  }
  std::uint64_t take() {
    return take([](shape_index) { return true; });
  }
  std::string take_all() {
    std::string order;
    for (auto job = take(); job != 0; job = take())
      order += (order.empty() ? "" : " ") + std::to_string(job);
    return order;
  }
};

}  // namespace

TEST_CASE("ready queues: one owner's jobs come in order of arrival, whatever their shape") {
  queues q;
  q.push(0, 0, 1);
  q.push(0, 0, 0);
  q.push(0, 0, 1);
  CHECK(q.take_all() == "1 2 3");
}

TEST_CASE("ready queues: tenants take turns, however many jobs one has") {
  queues q;
  for (int i = 0; i < 4; ++i)
    q.push(0);  // 1 2 3 4
  q.push(1);    // 5
  q.push(1);    // 6
  q.push(2);    // 7
  CHECK(q.take_all() == "1 5 7 2 6 3 4");
}

TEST_CASE("ready queues: owners take turns within their tenant only") {
  queues q;
  q.push(0, 0);  // 1
  q.push(0, 0);  // 2
  q.push(0, 1);  // 3
  q.push(1, 2);  // 4
  q.push(1, 2);  // 5
  q.push(1, 2);  // 6
  CHECK(q.take_all() == "1 4 3 5 2 6");
}

TEST_CASE("ready queues: shapes that are not wanted are passed over without losing their place") {
  queues q;
  q.push(0, 0, 5);  // 1
  q.push(0, 0, 6);  // 2
  q.push(0, 0, 5);  // 3
  auto const only_6 = [](shape_index s) { return s == 6; };
  CHECK(q.take(only_6) == 2);
  CHECK(q.take(only_6) == 0);
  CHECK(q.take_all() == "1 3");
}

TEST_CASE("ready queues: a tenant whose shapes are not wanted misses no turn of others") {
  queues q;
  q.push(0, 0, 5);  // 1
  q.push(1, 0, 6);  // 2
  q.push(1, 0, 6);  // 3
  q.push(2, 0, 6);  // 4
  auto const only_6 = [](shape_index s) { return s == 6; };
  CHECK(q.take(only_6) == 2);
  CHECK(q.take(only_6) == 4);
  CHECK(q.take(only_6) == 3);
  CHECK(q.take_all() == "1");
}

TEST_CASE("ready queues: levels do not mix") {
  queues q;
  q.push(0, 0, 0, priority::offline);
  auto const urgent = q.push(0, 0, 0, priority::realtime);
  shape_set wanted;
  wanted.add(0);
  CHECK(q.q.front(priority::realtime, wanted).slot == urgent);
  CHECK(q.q.front(priority::interactive, wanted).slot == none);
  CHECK(q.q.count(priority::realtime) == 1);
  CHECK(q.q.count(priority::batch) == 0);
  CHECK(q.q.count() == 2);
}

TEST_CASE("ready queues: what is put back at the front comes first, what is removed not at all") {
  queues q;
  q.push(0);
  auto const second = q.push(0);
  q.push(0);
  q.push(0, 0, 0, priority::batch, true);  // 4
  q.q.remove(second);
  q.q.check();
  CHECK(q.take_all() == "4 1 3");
  CHECK(q.q.count() == 0);
}

TEST_CASE("ready queues: who comes back joins the end of the round") {
  queues q;
  q.push(0);  // 1
  q.push(1);  // 2
  q.push(1);  // 3
  q.push(1);  // 4
  CHECK(q.take() == 1);
  q.push(0);  // 5
  q.push(2);  // 6
  CHECK(q.take() == 2);
  CHECK(q.take() == 5);
  CHECK(q.take() == 6);
  CHECK(q.take() == 3);
}

TEST_CASE(
    "ready queues: an owner that was served stands behind the others for every shape it waits "
    "with") {
  queues q;
  q.push(0, 0, 3);
  q.push(0, 0, 70);
  q.push(0, 1, 70);
  q.push(0, 0, 3);
  q.push(0, 2, 200);
  CHECK(q.take([](shape_index s) { return s == 3; }) == 1);
  CHECK(q.take([](shape_index s) { return s >= 70; }) == 3);
  CHECK(q.take([](shape_index s) { return s == 70; }) == 2);
  CHECK(q.take_all() == "5 4");
}

TEST_CASE("ready queues: whoever leaves and comes back joins the end of the round") {
  queues q;
  q.push(0);
  q.push(1);
  q.push(2);
  CHECK(q.take() == 1);
  q.push(0);
  q.push(3);
  CHECK(q.take_all() == "2 3 4 5");
}

TEST_CASE("shape set: knows its members, also when they are far apart") {
  shape_set one;
  one.add(1);
  one.add(500);
  one.add(500);
  CHECK(one.list() == std::vector<shape_index>{1, 500});
  CHECK(one.contains(500));
  CHECK_FALSE(one.contains(499));
  CHECK_FALSE(one.contains(100'000));
  shape_set other;
  other.add(2);
  CHECK_FALSE(one.meets(other));
  other.add(500);
  CHECK(one.meets(other));
  CHECK(other.meets(one));
  one.keep_if([](shape_index s) { return s == 1; });
  CHECK_FALSE(one.meets(other));
  one.remove(1);
  CHECK(one.empty());
}

TEST_CASE("ready queues: without shares everybody is within theirs") {
  queues q;
  auto const slot = q.push(3, 0, 2);
  shape_set wanted;
  wanted.add(2);
  CHECK(q.q.front(priority::batch, wanted, whose::within_share).slot == slot);
  CHECK(!q.q.front(priority::batch, wanted, whose::above_share));
}

TEST_CASE("ready queues: a job that is put in stands where its order has it") {
  queues q;
  ready_queues::place const where{priority::batch, 0, 0, 0, true};
  std::vector<std::int64_t> orders;
  for (int i = 0; i < 5; ++i)
    orders.push_back(q.q.take_order(false));
  auto const first_of_all = q.q.take_order(true);
  for (auto const i : {2, 4, 0, 3, 1}) {
    q.q.insert({static_cast<std::uint64_t>(i + 1)}, where, {1000 + i}, orders[i]);
    q.q.check();
  }
  q.q.insert({9}, where, {500}, first_of_all);
  q.q.check();
  shape_set wanted;
  wanted.add(0);
  auto const turn = q.q.front(priority::batch, wanted);
  CHECK((turn.job == job_id{9} && turn.since == timestamp{500}));
  CHECK(q.take_all() == "9 1 2 3 4 5");
}
