// Batches: names become positions, and a graph without an order is refused.
#include "messages/batch.hpp"

#include <random>

#include <doctest/doctest.h>

using namespace nsai;

namespace {

submission named(std::string name, std::vector<std::string> after = {},
                 std::vector<std::string> after_any = {}) {
  submission s;
  s.name = std::move(name);
  s.after = std::move(after);
  s.after_any = std::move(after_any);
  return s;
}

std::string refusal_of(std::vector<submission> const& jobs) {
  auto const result = order_batch(jobs);
  REQUIRE(std::holds_alternative<batch_fault>(result));
  return std::get<batch_fault>(result).error.message;
}

}  // namespace

TEST_CASE("batch: dependencies first, otherwise as the jobs stood") {
  auto const result =
      order_batch({named("c", {"a", "b"}), named("a"), named("", {}, {"c"}), named("b")});
  auto const& found = std::get<batch_order>(result);
  CHECK(found.order == std::vector<std::size_t>{1, 3, 0, 2});
  CHECK(found.after[0] == std::vector<std::size_t>{1, 3});
  CHECK(found.after_any[2] == std::vector<std::size_t>{0});
}

TEST_CASE("batch: a cycle is told by its names, with the field") {
  CHECK(refusal_of({named("x"), named("a", {"x", "b"}), named("b", {"a"})}) ==
        "jobs[1].after: the jobs wait for each other: a -> b -> a; expected no cycle");
  CHECK(refusal_of({named("a", {}, {"a"})}) ==
        "jobs[0].after_any: the jobs wait for each other: a -> a; expected no cycle");
}

TEST_CASE("batch: unknown and repeated names are refused, and keys that come twice") {
  CHECK(refusal_of({named("train"), named("", {"tain"})}) ==
        "jobs[1].after: no job of the batch is called \"tain\"; expected \"train\" (did you mean "
        "that?)");
  CHECK(refusal_of({named("a"), named("b"), named("a")}) ==
        "jobs[2].name: \"a\" is that of jobs[0], too; expected another name");
  auto one = named("a");
  auto two = named("b");
  one.key = two.key = "k";
  CHECK(refusal_of({one, two}) ==
        "jobs[1].key: \"k\" is that of jobs[0], too; expected another key");
}

TEST_CASE("batch: a chain may be long") {
  constexpr std::size_t length = 200'000;
  std::vector<std::vector<std::size_t>> before(length);
  for (std::size_t i = 0; i + 1 < length; ++i)
    before[i].push_back(i + 1);
  auto const found = order_of(before);
  REQUIRE(found.order.size() == length);
  CHECK(found.order.front() == length - 1);
  before.back().push_back(0);
  CHECK(order_of(before).cycle.size() == length + 1);
}

TEST_CASE("batch: an order keeps every edge, and a cycle is one") {
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    CAPTURE(seed);
    std::mt19937_64 random{seed};
    std::vector<std::vector<std::size_t>> before(1 + random() % 12);
    for (auto& each : before)
      while (random() % 3 == 0)
        each.push_back(random() % before.size());
    auto const found = order_of(before);
    if (found.cycle.empty()) {
      std::vector<std::size_t> place(before.size());
      REQUIRE(found.order.size() == before.size());
      for (std::size_t i = 0; i < found.order.size(); ++i)
        place[found.order[i]] = i;
      for (std::size_t i = 0; i < before.size(); ++i)
        for (auto const other : before[i])
          CHECK(place[other] < place[i]);
    } else {
      CHECK(found.cycle.front() == found.cycle.back());
      for (std::size_t i = 0; i + 1 < found.cycle.size(); ++i) {
        auto const& edges = before[found.cycle[i]];
        CHECK(std::find(edges.begin(), edges.end(), found.cycle[i + 1]) != edges.end());
      }
    }
  }
}
