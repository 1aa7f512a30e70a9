#include "scheduling/cron.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <chrono>
#include <optional>
#include <sstream>
#include <vector>

namespace nsai::scheduling {
namespace {

using std::chrono::days;
using std::chrono::sys_days;

constexpr std::int64_t minute_ms = 60'000;
constexpr std::int64_t day_ms = 24 * 60 * minute_ms;
constexpr int longest_search_days = 40 * 366;

struct field_rule {
  char const* name;
  unsigned least;
  unsigned most;
  std::vector<std::string> names;  // of the numbers from `least` on
};

std::array<field_rule, 5> const& rules() {
  static std::array<field_rule, 5> const list{
      field_rule{"minute", 0, 59, {}},
      {"hour", 0, 23, {}},
      {"day of month", 1, 31, {}},
      {"month",
       1,
       12,
       {"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"}},
      {"day of week", 0, 7, {"sun", "mon", "tue", "wed", "thu", "fri", "sat"}}};
  return list;
}

/// A number or a name of the field.
std::optional<unsigned> value_of(std::string const& text, field_rule const& rule) {
  std::string lower = text;
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  auto const name = std::find(rule.names.begin(), rule.names.end(), lower);
  if (name != rule.names.end())
    return rule.least + static_cast<unsigned>(name - rule.names.begin());
  if (text.empty() || text.size() > 3 || text.find_first_not_of("0123456789") != std::string::npos)
    return std::nullopt;
  auto const value = static_cast<unsigned>(std::stoul(text));
  return value < rule.least || value > rule.most ? std::nullopt : std::optional{value};
}

/// One element of the list as a set of bits.
std::optional<std::uint64_t> element(std::string const& text, field_rule const& rule) {
  auto const slash = text.find('/');
  auto const range = text.substr(0, slash);
  unsigned step = 1;
  if (slash != std::string::npos) {
    auto const word = text.substr(slash + 1);
    if (word.empty() || word.size() > 3 ||
        word.find_first_not_of("0123456789") != std::string::npos)
      return std::nullopt;
    step = static_cast<unsigned>(std::stoul(word));
  }
  if (step == 0)
    return std::nullopt;
  unsigned first = rule.least;
  unsigned last = rule.most;
  if (range != "*") {
    auto const dash = range.find('-');
    auto const from = value_of(range.substr(0, dash), rule);
    auto const to = dash == std::string::npos ? from : value_of(range.substr(dash + 1), rule);
    if (!from || !to || *from > *to)
      return std::nullopt;
    first = *from;
    if (dash != std::string::npos || slash == std::string::npos)
      last = *to;
  }
  std::uint64_t bits = 0;
  for (auto value = first; value <= last; value += step)
    bits |= std::uint64_t{1} << value;
  return bits;
}

std::variant<std::uint64_t, error_info> bits_of(std::string const& text, field_rule const& rule,
                                                std::string const& field) {
  std::uint64_t bits = 0;
  std::size_t from = 0;
  while (from <= text.size()) {
    auto const to = std::min(text.find(',', from), text.size());
    auto const part = text.substr(from, to - from);
    from = to + 1;
    auto const more = element(part, rule);
    if (!more)
      return usage_error(field, "\"" + part.substr(0, 40) + "\" is no " + std::string{rule.name},
                         "*, numbers from " + std::to_string(rule.least) + " to " +
                             std::to_string(rule.most) +
                             (rule.names.empty() ? "" : " or names such as " + rule.names.front()) +
                             ", and ranges A-B of them, each with a step such as /2 if wanted");
    bits |= *more;
  }
  return bits;
}

bool has(std::uint64_t bits, unsigned value) {
  return (bits >> value & 1) != 0;
}

}  // namespace

std::variant<cron_times, error_info> cron_times::parse(std::string const& text,
                                                       std::string const& field) {
  std::vector<std::string> words;
  std::istringstream in{text};
  for (std::string word; words.size() <= rules().size() && in >> word;)
    words.push_back(word);
  if (words.size() != rules().size())
    return usage_error(field, "\"" + text.substr(0, 80) + "\" does not have five fields",
                       "minute, hour, day of month, month and day of week, such as "
                       "\"*/15 8-18 * * mon-fri\"");
  cron_times times;
  std::array<std::uint64_t*, 5> const to{&times.minutes_, &times.hours_, &times.days_,
                                         &times.months_, &times.weekdays_};
  for (std::size_t i = 0; i < words.size(); ++i) {
    auto bits = bits_of(words[i], rules()[i], field);
    if (auto* const fault = std::get_if<error_info>(&bits))
      return std::move(*fault);
    *to[i] = std::get<std::uint64_t>(bits);
  }
  if (has(times.weekdays_, 7))
    times.weekdays_ |= 1;
  times.any_of_days_ = words[2].front() != '*' && words[4].front() != '*';
  if (!times.find({}))
    return usage_error(field, "\"" + text.substr(0, 80) + "\" never comes",
                       "a day that some month has");
  return times;
}

bool cron_times::matches_day(day const& d) const {
  if (!has(months_, d.month))
    return false;
  bool const of_month = has(days_, d.of_month);
  bool const of_week = has(weekdays_, d.of_week);
  return any_of_days_ ? of_month || of_week : of_month && of_week;
}

timestamp cron_times::next(timestamp after) const {
  return find(after);
}

bool cron_times::matches(timestamp at) const {
  auto const start = timestamp{at.ms - at.ms % minute_ms};
  return find(start + -1) == start;
}

timestamp cron_times::find(timestamp after) const {
  auto const first_minute = after.ms / minute_ms + 1;
  auto const first_day = first_minute * minute_ms / day_ms;
  for (int i = 0; i < longest_search_days; ++i) {
    auto const number = first_day + i;
    sys_days const date{days{number}};
    std::chrono::year_month_day const civil{date};
    std::chrono::weekday const weekday{date};
    if (!matches_day({static_cast<unsigned>(civil.day()), static_cast<unsigned>(civil.month()),
                      weekday.c_encoding()}))
      continue;
    auto const midnight = number * (day_ms / minute_ms);
    auto const from = i == 0 ? first_minute - midnight : 0;
    for (auto hour = from / 60; hour < 24; ++hour) {
      if (!has(hours_, static_cast<unsigned>(hour)))
        continue;
      for (auto minute = hour == from / 60 ? from % 60 : 0; minute < 60; ++minute)
        if (has(minutes_, static_cast<unsigned>(minute)))
          return {(midnight + hour * 60 + minute) * minute_ms};
    }
  }
  return {};
}

}  // namespace nsai::scheduling
