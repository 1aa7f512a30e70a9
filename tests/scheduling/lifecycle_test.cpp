#include "scheduling/lifecycle.hpp"

#include <set>
#include <tuple>

#include <doctest/doctest.h>

using namespace nsai;
using namespace nsai::scheduling;

namespace {

constexpr job_status every_status[] = {
    job_status::pending, job_status::queued,   job_status::running, job_status::succeeded,
    job_status::failed,  job_status::canceled, job_status::timeout};
constexpr signal every_signal[] = {signal::release, signal::grant,  signal::close, signal::succeed,
                                   signal::fail,    signal::cancel, signal::expire};

// What the table has to say about a pair, written down a second time and the other way round.
std::optional<job_status> expected(job_status from, signal by) {
  if (is_terminal(from))
    return std::nullopt;
  switch (by) {
    case signal::release:
      return from == job_status::pending ? std::optional{job_status::queued} : std::nullopt;
    case signal::grant:
      return from == job_status::queued ? std::optional{job_status::running} : std::nullopt;
    case signal::close:
      return from == job_status::running ? std::optional{job_status::pending} : std::nullopt;
    case signal::succeed:
      return from != job_status::queued ? std::optional{job_status::succeeded} : std::nullopt;
    case signal::fail:
      return job_status::failed;
    case signal::cancel:
      return job_status::canceled;
    case signal::expire:
      return job_status::timeout;
  }
  return std::nullopt;
}

}  // namespace

TEST_CASE("lifecycle: every pair of status and signal leads where it should, or nowhere") {
  for (auto const from : every_status)
    for (auto const by : every_signal) {
      CAPTURE(to_string(from));
      CAPTURE(static_cast<int>(by));
      CHECK(next_status(from, by) == expected(from, by));
    }
}

TEST_CASE("lifecycle: no pair is listed twice") {
  std::set<std::tuple<job_status, signal>> seen;
  for (auto const& t : transitions)
    CHECK(seen.emplace(t.from, t.by).second);
}

TEST_CASE("lifecycle: nothing leaves a terminal status") {
  for (auto const& t : transitions)
    CHECK_FALSE(is_terminal(t.from));
}

TEST_CASE("lifecycle: each terminal status has its signal") {
  for (auto const to : every_status)
    if (is_terminal(to))
      CHECK(next_status(job_status::running, signal_to(to)) == to);
}
