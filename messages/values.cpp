#include "messages/values.hpp"

#include <array>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <ctime>

#include "messages/bounded_json.hpp"
#include "messages/suggest.hpp"

namespace nsai {
namespace {

constexpr char const* rfc3339_expected =
    "a date and time as in RFC 3339, \"2026-03-01T09:30:00Z\" or \"2026-03-01T09:30:00.250+01:00\"";

[[noreturn]] void throw_not_a_time(std::string const& text) {
  throw shape_error("", "the string \"" + text.substr(0, 60) + "\" is not allowed",
                    rfc3339_expected);
}

/// `digits` decimal digits at `at`, which moves behind them.
int read_digits(std::string const& text, std::size_t& at, std::size_t digits) {
  int value = 0;
  for (std::size_t i = 0; i < digits; ++i, ++at) {
    if (at >= text.size() || text[at] < '0' || text[at] > '9')
      throw_not_a_time(text);
    value = value * 10 + (text[at] - '0');
  }
  return value;
}

void read_one_of(std::string const& text, std::size_t& at, std::string_view allowed) {
  if (at >= text.size() || allowed.find(text[at]) == std::string_view::npos)
    throw_not_a_time(text);
  ++at;
}

/// The fraction of a second in milliseconds, further digits dropped.
int read_fraction_ms(std::string const& text, std::size_t& at) {
  if (at >= text.size() || text[at] != '.')
    return 0;
  ++at;
  int ms = 0;
  int weight = 100;
  auto const first = at;
  for (; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at, weight /= 10)
    ms += weight * (text[at] - '0');
  if (at == first)
    throw_not_a_time(text);
  return ms;
}

std::int64_t read_offset_minutes(std::string const& text, std::size_t& at) {
  if (at < text.size() && (text[at] == 'Z' || text[at] == 'z')) {
    ++at;
    return 0;
  }
  bool const negative = at < text.size() && text[at] == '-';
  read_one_of(text, at, "+-");
  int const hours = read_digits(text, at, 2);
  read_one_of(text, at, ":");
  int const minutes = read_digits(text, at, 2);
  if (hours > 23 || minutes > 59)
    throw_not_a_time(text);
  return (negative ? -1 : 1) * (hours * 60 + minutes);
}

json decimal(std::int64_t value, std::int64_t unit) {
  if (value % unit == 0)
    return value / unit;
  return static_cast<double>(value) / static_cast<double>(unit);
}

std::int64_t read_decimal(json const& j, std::int64_t unit) {
  // Beyond this a double no longer holds every thousandth; no resource or price comes near.
  constexpr double most = 1e9;
  bool const fits = j.is_number() && std::abs(j.get<double>()) <= most;
  if (!fits)
    detail::throw_unexpected(j, "a number from -1000000000 to 1000000000");
  return std::llround(j.get<double>() * static_cast<double>(unit));
}

}  // namespace

std::string to_rfc3339(timestamp t) {
  auto const seconds = static_cast<std::time_t>(t.ms >= 0 ? t.ms / 1000 : (t.ms - 999) / 1000);
  auto const ms = static_cast<int>(t.ms - static_cast<std::int64_t>(seconds) * 1000);
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ",
                parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min,
                parts.tm_sec, ms);
  return text.data();
}

timestamp from_rfc3339(std::string const& text) {
  std::size_t at = 0;
  int const year = read_digits(text, at, 4);
  read_one_of(text, at, "-");
  int const month = read_digits(text, at, 2);
  read_one_of(text, at, "-");
  int const day = read_digits(text, at, 2);
  read_one_of(text, at, "Tt ");
  int const hour = read_digits(text, at, 2);
  read_one_of(text, at, ":");
  int const minute = read_digits(text, at, 2);
  read_one_of(text, at, ":");
  int const second = read_digits(text, at, 2);
  int const ms = read_fraction_ms(text, at);
  auto const offset_minutes = read_offset_minutes(text, at);
  std::chrono::year_month_day const date{std::chrono::year{year},
                                         std::chrono::month{static_cast<unsigned>(month)},
                                         std::chrono::day{static_cast<unsigned>(day)}};
  if (at != text.size() || !date.ok() || hour > 23 || minute > 59 || second > 60)
    throw_not_a_time(text);
  std::int64_t const days = std::chrono::sys_days{date}.time_since_epoch().count();
  std::int64_t const minutes = days * 24 * 60 + hour * 60 + minute - offset_minutes;
  return {(minutes * 60 + second) * 1000 + ms};
}

void to_json(json& j, timestamp const& x) {
  if (x)
    j = to_rfc3339(x);
  else
    j = nullptr;
}

void from_json(json const& j, timestamp& x) {
  if (j.is_null())
    x = {};
  else if (j.is_string())
    x = from_rfc3339(j.get<std::string>());
  else
    detail::throw_unexpected(j, rfc3339_expected);
}

void to_json(json& j, milli const& x) {
  j = decimal(x.value, 1000);
}
void from_json(json const& j, milli& x) {
  x.value = read_decimal(j, 1000);
}
void to_json(json& j, micro const& x) {
  j = decimal(x.value, 1'000'000);
}
void from_json(json const& j, micro& x) {
  x.value = read_decimal(j, 1'000'000);
}

json json_text::value() const {
  if (text.empty())
    return nullptr;
  if (nests_too_deep(text))
    throw too_deep("");
  auto parsed = json::parse(text, nullptr, false);
  if (parsed.is_discarded())
    throw shape_error("", "the text " + text.substr(0, 60) + " is not JSON", "a JSON value");
  return parsed;
}

json_text json_text::of(json const& value) {
  if (value.is_null())
    return {};
  return {value.dump(-1, ' ', false, json::error_handler_t::replace)};
}

void to_json(json& j, json_text const& x) {
  j = x.value();
}
void from_json(json const& j, json_text& x) {
  x = json_text::of(j);
}

namespace detail {

void throw_unknown_name(json const& value, std::vector<std::string> const& known) {
  auto expected = "one of " + joined(known);
  if (value.is_string()) {
    auto const near = nearest(value.get<std::string>(), known);
    if (!near.empty())
      expected += " (did you mean " + near + "?)";
  }
  throw shape_error("", describe_json(value) + " is not allowed", expected);
}

}  // namespace detail
}  // namespace nsai
