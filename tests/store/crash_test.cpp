// Kills a committing process with -9 again and again.
#include <cstdio>
#include <cstdlib>
#include <map>
#include <random>
#include <set>

#include <doctest/doctest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/store/fixture.hpp"

using namespace nsai;
using namespace nsai::store;
using namespace nsai::store::tests;

namespace {

/// Written to the pipe after the commit, as the scheduler answers after it.
struct acknowledgement {
  std::uint64_t job = 0;
  std::uint32_t attempt = 0;  // 0: inserted
  std::uint32_t ended = 0;
};

/// Inserts jobs, grants attempts of them and ends some, until it is killed.
[[noreturn]] void commit_for_ever(folder const& f, int acknowledge, unsigned seed) {
  std::mt19937 random{seed};
  job_store s{options_at(f)};
  std::map<std::uint64_t, std::uint32_t> live;
  s.load_unfinished([&](unfinished_job&& j) { live[j.record.id.value] = j.record.attempt; });
  auto next = s.last_used().value + 1;
  for (;;) {
    std::vector<change> changes;
    std::vector<acknowledgement> told;
    for (auto inserts = random() % 20; inserts > 0; --inserts) {
      changes.emplace_back(fresh(next));
      live[next] = 0;
      told.push_back({next++, 0, 0});
    }
    for (auto it = live.begin(); it != live.end();) {
      auto const what = random() % 4;
      if (what == 0) {
        changes.emplace_back(grant(it->first, ++it->second));
        told.push_back({it->first, it->second, 0});
      } else if (what == 1) {
        changes.emplace_back(end(it->first));
        told.push_back({it->first, it->second, 1});
        it = live.erase(it);
        continue;
      }
      ++it;
    }
    s.commit(changes);
    for (auto const& each : told)
      if (::write(acknowledge, &each, sizeof each) != sizeof each)
        ::_exit(1);
  }
}

}  // namespace

TEST_CASE(
    "kill -9 of a committing process, 40 times: everything acknowledged is there, every attempt's "
    "number is used once") {
  char const* given = std::getenv("NSAI_TEST_SEED");
  unsigned const seed =
      given != nullptr ? static_cast<unsigned>(std::atoi(given)) : std::random_device{}();
  CAPTURE(seed);
  std::mt19937 random{seed};
  folder f;
  std::set<std::uint64_t> acknowledged;
  std::set<std::uint64_t> ended;
  std::set<std::pair<std::uint64_t, std::uint32_t>> granted;
  for (int round = 0; round < 40; ++round) {
    int ends[2];
    REQUIRE(::pipe(ends) == 0);
    auto const child_seed = static_cast<unsigned>(random());
    auto const child = ::fork();
    if (child == 0) {
      ::close(ends[0]);
      try {
        commit_for_ever(f, ends[1], child_seed);
      } catch (std::exception const& e) {
        std::fprintf(stderr, "%s\n", e.what());
        ::_exit(2);
      }
    }
    ::close(ends[1]);
    auto left = random() % 300;  // acknowledgements before the kill
    acknowledgement told;
    while (::read(ends[0], &told, sizeof told) == sizeof told) {
      acknowledged.insert(told.job);
      if (told.ended != 0)
        CHECK(ended.insert(told.job).second);
      else if (told.attempt != 0)
        CHECK(granted.insert({told.job, told.attempt}).second);
      if (left-- == 0)
        ::kill(child, SIGKILL);
      else if (left > 1000)
        left = 1000;  // read on what was written before the kill
    }
    ::close(ends[0]);
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    REQUIRE(WIFSIGNALED(status));
    job_store s{options_at(f)};
    REQUIRE(s.integrity().empty());
    std::int64_t terminal = 0;
    for (auto const job : acknowledged)
      REQUIRE(s.find({job}, false));
    for (auto const job : ended)
      CHECK(s.find({job}, false)->status == job_status::succeeded);
    for (auto const& [job, attempt] : granted)
      CHECK(s.find({job}, false)->attempt >= attempt);
    for (auto const& [count_status, count] : s.counts())
      terminal += is_terminal(count_status) ? count : 0;
    CHECK(terminal >= static_cast<std::int64_t>(ended.size()));
  }
}
