#include "scheduling/job_table.hpp"

#include <map>
#include <random>
#include <vector>

#include <doctest/doctest.h>

#include "tests/scheduling/counted_memory.hpp"
#include "tests/scheduling/seeds.hpp"

using namespace nsai;
using namespace nsai::scheduling;

namespace {

/// Both ways through the table say what the map says.
void compare(job_table const& table, std::map<std::uint64_t, job const*> const& live) {
  REQUIRE(table.size() == live.size());
  std::vector<std::uint64_t> numbers;
  table.for_each([&](job const& j) { numbers.push_back(j.id.value); });
  REQUIRE(numbers.size() == live.size());
  auto next = numbers.begin();
  for (auto const& [number, at] : live) {
    REQUIRE(*next++ == number);
    REQUIRE(table.find({number}) == at);
  }
}

/// A copy holds equal jobs at places of its own.
void compare_copy(job_table const& table, std::map<std::uint64_t, job const*> const& live) {
  auto const copy = table;
  REQUIRE(copy.size() == live.size());
  for (auto const& [number, at] : live) {
    auto const* const found = copy.find({number});
    REQUIRE((found != nullptr && found != at));
    REQUIRE((found->id.value == number && found->position == at->position));
  }
}

}  // namespace

TEST_CASE("job table: jobs of any numbers come and go, and stay where they are") {
  for (std::uint64_t seed = 1; seed <= tests::seeds(20); ++seed) {
    CAPTURE(seed);
    std::mt19937_64 random(seed);
    job_table table;
    std::map<std::uint64_t, job const*> live;
    std::uint64_t last = 1 + random() % 5000;
    for (int i = 0; i < 4000; ++i) {
      // Waves, so that blocks and the whole table become empty now and then.
      bool const grows = random() % 100 < (i / 500 % 2 == 0 ? 70 : 25);
      if (grows) {
        // Mostly the next number; at a restart also lower ones, and gaps.
        auto number = last += random() % 8 == 0 ? 1 + random() % 2000 : 1;
        if (random() % 10 == 0)
          number = 1 + random() % last;
        if (live.contains(number))
          continue;
        auto& added = table.add({number});
        added.position = static_cast<std::uint32_t>(3 * number);
        live[number] = &added;
      } else if (!live.empty()) {
        auto const at =
            random() % 2 == 0
                ? live.begin()
                : std::next(live.begin(), static_cast<std::ptrdiff_t>(random() % live.size()));
        table.erase({at->first});
        REQUIRE(table.find({at->first}) == nullptr);
        live.erase(at);
      }
      if (i % 50 == 0)
        compare(table, live);
      if (i % 500 == 0)
        compare_copy(table, live);
    }
    REQUIRE(table.find({last + 100'000}) == nullptr);
    while (!live.empty()) {
      table.erase({live.begin()->first});
      live.erase(live.begin());
    }
    compare(table, live);
  }
}

TEST_CASE("job table: a copy is one of its own") {
  job_table table;
  table.add({300}).position = 7;
  auto copy = table;
  copy.find({300})->position = 8;
  copy.add({301});
  CHECK(table.find({300})->position == 7);
  CHECK(table.find({301}) == nullptr);
  CHECK(copy.find({300})->position == 8);
}

TEST_CASE("job table: its memory comes in chunks and goes back with the last job") {
  tests::counted_memory memory;
  constexpr std::uint64_t many = 100'000;
  constexpr std::size_t chunk = std::size_t{2} << 20;
  {
    job_table table(&memory);
    CHECK(memory.bytes == 0);
    table.add({1});
    CHECK(memory.bytes < 64 * 1024);  // a small cluster pays for a small table
    for (std::uint64_t i = 2; i <= many; ++i)
      table.add({i});
    CHECK(memory.bytes < many * sizeof(job) + 2 * chunk);
    CHECK(memory.largest <= chunk);
    CHECK(memory.largest > chunk / 2);
    auto const full = memory.bytes;
    for (std::uint64_t i = 1; i < many; ++i)  // each block is used again
      table.erase({i}), table.add({many + i});
    CHECK(memory.bytes < full + 2 * chunk);
    auto const copy = table;  // on the heap
    CHECK(memory.bytes < full + 2 * chunk);
    for (std::uint64_t i = many; i < 2 * many; ++i)
      table.erase({i});
    CHECK(memory.bytes == 0);
    CHECK(copy.size() == many);
    table.add({many});
    CHECK(memory.bytes > 0);
  }
  CHECK(memory.bytes == 0);
}
