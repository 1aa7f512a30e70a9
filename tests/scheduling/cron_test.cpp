#include "scheduling/cron.hpp"

#include <chrono>
#include <random>
#include <set>

#include <doctest/doctest.h>

using namespace nsai;
using namespace nsai::scheduling;

namespace {

cron_times parsed(std::string const& text) {
  auto result = cron_times::parse(text);
  if (auto* const fault = std::get_if<error_info>(&result))
    FAIL(fault->message);
  return std::get<cron_times>(result);
}

std::string next(std::string const& text, std::string const& after) {
  return to_rfc3339(parsed(text).next(from_rfc3339(after)));
}

std::string refusal(std::string const& text) {
  auto const result = cron_times::parse(text);
  return std::holds_alternative<error_info>(result) ? std::get<error_info>(result).message : "";
}

}  // namespace

TEST_CASE("cron: the next minute that matches, never the one that is") {
  CHECK(next("*/5 * * * *", "2026-03-01T10:02:30Z") == "2026-03-01T10:05:00.000Z");
  CHECK(next("*/5 * * * *", "2026-03-01T10:04:59.999Z") == "2026-03-01T10:05:00.000Z");
  CHECK(next("*/5 * * * *", "2026-03-01T10:05:00Z") == "2026-03-01T10:10:00.000Z");
  CHECK(next("30 4 * * *", "2026-12-31T04:30:00Z") == "2027-01-01T04:30:00.000Z");
  CHECK(next("0 0 29 2 *", "2026-01-01T00:00:00Z") == "2028-02-29T00:00:00.000Z");
  CHECK(next("0 0 29 2 *", "2096-03-01T00:00:00Z") == "2104-02-29T00:00:00.000Z");
}

TEST_CASE("cron: lists, ranges, steps and names") {
  CHECK(next("0 8-18/5,23 * * *", "2026-03-01T08:00:00Z") == "2026-03-01T13:00:00.000Z");
  CHECK(next("0 8-18/5,23 * * *", "2026-03-01T18:00:00Z") == "2026-03-01T23:00:00.000Z");
  CHECK(next("50/4 * * * *", "2026-03-01T08:54:00Z") == "2026-03-01T08:58:00.000Z");
  CHECK(next("0 0 1 JAN,jul *", "2026-03-01T00:00:00Z") == "2026-07-01T00:00:00.000Z");
  CHECK(next("0 9 * * Mon-Fri", "2026-02-27T09:00:00Z") == "2026-03-02T09:00:00.000Z");
  CHECK(next("0 0 * * 7", "2026-03-01T00:00:00Z") == "2026-03-08T00:00:00.000Z");
  CHECK(next("0 0 * * 5-7", "2026-03-01T00:00:00Z") == "2026-03-06T00:00:00.000Z");
}

TEST_CASE("cron: of two restricted days one will do; one that begins with * restricts the other") {
  CHECK(next("0 0 13 * fri", "2026-03-01T00:00:00Z") == "2026-03-06T00:00:00.000Z");
  CHECK(next("0 0 13 * fri", "2026-03-08T00:00:00Z") == "2026-03-13T00:00:00.000Z");
  CHECK(next("0 0 */2 * mon", "2026-03-01T00:00:00Z") == "2026-03-09T00:00:00.000Z");
}

TEST_CASE("cron: faults name the field, the part and what belongs there") {
  CHECK(refusal("* * * *").starts_with("cron: \"* * * *\" does not have five fields; expected"));
  CHECK(refusal("* * * * * *").find("five fields") != std::string::npos);
  CHECK(refusal("60 * * * *") ==
        "cron: \"60\" is no minute; expected *, numbers from 0 to 59, and ranges A-B of them, each "
        "with a step such as /2 if wanted");
  CHECK(refusal("* * 0 * *").find("is no day of month") != std::string::npos);
  CHECK(refusal("* * * foo *").find("\"foo\" is no month") != std::string::npos);
  for (auto const* const text :
       {"*/0 * * * *", "5-1 * * * *", ", * * * *", "1, * * * *", "-1 * * * *", "1- * * * *",
        "1/ * * * *", "1//2 * * * *", "x * * * *", "* 24 * * *", "* * 32 * *", "* * * 13 *",
        "* * * * 8", "* * * * fri-mon", "* * * * *x", "9999999999 * * * *", "*/9999999999 * * * *",
        ""}) {
    CAPTURE(text);
    CHECK_FALSE(refusal(text).empty());
  }
}

TEST_CASE("cron: what never comes is refused") {
  CHECK(refusal("0 0 30 2 *") ==
        "cron: \"0 0 30 2 *\" never comes; expected a day that some month has");
  CHECK_FALSE(refusal("0 0 31 2,4,6,9,11 *").empty());
  CHECK(refusal("0 0 30 2 mon").empty());  // the mondays of February
}

namespace {

/// A field as a set, and in words, drawn at random.
struct drawn {
  std::string text;
  std::set<unsigned> values;
};

drawn draw(std::mt19937_64& random, unsigned least, unsigned most) {
  drawn d;
  auto const below = [&](unsigned n) { return static_cast<unsigned>(random() % n); };
  auto const parts = 1 + below(3);
  for (unsigned i = 0; i < parts; ++i) {
    unsigned first = least;
    unsigned last = most;
    unsigned step = 1;
    std::string text = "*";
    auto const kind = below(4);
    if (kind == 1) {
      first = last = least + below(most - least + 1);
      text = std::to_string(first);
    } else if (kind == 2) {
      first = least + below(most - least + 1);
      last = first + below(most - first + 1);
      text = std::to_string(first) + "-" + std::to_string(last);
    }
    if (kind != 1 && below(2) == 0) {
      step = 1 + below(most - least + 1);
      text += "/" + std::to_string(step);
    }
    for (auto v = first; v <= last; v += step)
      d.values.insert(v);
    d.text += (i > 0 ? "," : "") + text;
  }
  return d;
}

}  // namespace

TEST_CASE("cron: the same minutes as a walk over all of them") {
  for (std::uint64_t seed = 1; seed <= 150; ++seed) {
    CAPTURE(seed);
    std::mt19937_64 random{seed};
    auto const minute = draw(random, 0, 59);
    auto const hour = draw(random, 0, 23);
    auto const day = draw(random, 1, 31);
    auto const month = draw(random, 1, 12);
    auto const weekday = draw(random, 0, 7);
    auto const text =
        minute.text + " " + hour.text + " " + day.text + " " + month.text + " " + weekday.text;
    CAPTURE(text);
    auto const result = cron_times::parse(text);
    if (std::holds_alternative<error_info>(result))
      continue;  // a day that never comes
    auto const& times = std::get<cron_times>(result);
    bool const either = day.text.front() != '*' && weekday.text.front() != '*';
    auto const matches = [&](std::int64_t at) {
      auto const number = at / 1440;
      std::chrono::year_month_day const civil{std::chrono::sys_days{std::chrono::days{number}}};
      auto const week = static_cast<unsigned>((number + 4) % 7);  // 1970-01-01 was a Thursday
      bool const of_month = day.values.contains(static_cast<unsigned>(civil.day()));
      bool const of_week =
          weekday.values.contains(week) || (week == 0 && weekday.values.contains(7));
      return month.values.contains(static_cast<unsigned>(civil.month())) &&
             hour.values.contains(static_cast<unsigned>(at / 60 % 24)) &&
             minute.values.contains(static_cast<unsigned>(at % 60)) &&
             (either ? of_month || of_week : of_month && of_week);
    };
    auto at = static_cast<std::int64_t>(29'000'000 + random() % 1'000'000);
    timestamp const start{at * 60'000 + static_cast<std::int64_t>(random() % 60'000)};
    auto const found = times.next(start);
    REQUIRE(found.ms % 60'000 == 0);
    constexpr std::int64_t longest_walk = 400 * 1440;
    std::int64_t walked = 0;
    while (!matches(++at) && ++walked < longest_walk) {
    }
    if (walked < longest_walk)
      CHECK(found.ms / 60'000 == at);
    else
      CHECK(found.ms / 60'000 >= at);
    CHECK(times.matches(found));
  }
}
