#include "node/units.hpp"

#include <array>
#include <charconv>
#include <chrono>
#include <cmath>
#include <utility>

#include <fmt/format.h>

namespace nsai::node {
namespace {

struct unit {
  char const* name;
  double factor;
};

[[noreturn]] void refuse(std::string const& field, std::string const& text, char const* expected) {
  throw shape_error(field, "\"" + text.substr(0, 60) + "\" is not allowed", expected);
}

/// A number without sign, followed by one of the units (compared ignoring case).
template <std::size_t N>
double parse_quantity(std::string const& text, std::array<unit, N> const& units,
                      std::string const& field, char const* expected) {
  double number = 0;
  auto const* const end = text.data() + text.size();
  auto const parsed = std::from_chars(text.data(), end, number, std::chars_format::fixed);
  if (parsed.ec != std::errc{} || text.front() == '-' || !std::isfinite(number))
    refuse(field, text, expected);
  std::string suffix(parsed.ptr, end);
  for (auto& c : suffix)
    c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  for (auto const& u : units)
    if (suffix == u.name)
      return number * u.factor;
  refuse(field, text, expected);
}

std::int64_t parse_whole(std::string const& text, std::string const& field, char const* expected) {
  std::int64_t value = 0;
  auto const* const end = text.data() + text.size();
  auto const parsed = std::from_chars(text.data(), end, value);
  if (parsed.ec != std::errc{} || parsed.ptr != end || value < 0)
    refuse(field, text, expected);
  return value;
}

}  // namespace

std::int64_t parse_size_mb(std::string const& text, std::string const& field) {
  constexpr char const* expected = "a size such as 512M, 8G or 1.5T (a bare number is MiB)";
  constexpr double ki = 1024;
  static constexpr std::array<unit, 17> units{{{"", 1},
                                               {"b", 1 / ki / ki},
                                               {"k", 1 / ki},
                                               {"kb", 1 / ki},
                                               {"kib", 1 / ki},
                                               {"ki", 1 / ki},
                                               {"m", 1},
                                               {"mb", 1},
                                               {"mib", 1},
                                               {"mi", 1},
                                               {"g", ki},
                                               {"gb", ki},
                                               {"gib", ki},
                                               {"gi", ki},
                                               {"t", ki * ki},
                                               {"tb", ki * ki},
                                               {"tib", ki * ki}}};
  auto const mb = std::ceil(parse_quantity(text, units, field, expected));
  if (mb > 1e9)
    refuse(field, text, expected);
  return static_cast<std::int64_t>(mb);
}

std::int64_t parse_duration_ms(std::string const& text, std::string const& field) {
  constexpr char const* expected =
      "a duration such as 250ms, 90s, 30m, 1h or 2d (a bare number is seconds)";
  static constexpr std::array<unit, 6> units{
      {{"", 1000}, {"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}}};
  auto const ms = parse_quantity(text, units, field, expected);
  if (ms > 1e13)
    refuse(field, text, expected);
  return static_cast<std::int64_t>(std::llround(ms));
}

timestamp parse_when(std::string const& text, std::string const& field) {
  if (text.size() > 4 && text[4] == '-') {
    try {
      return from_rfc3339(text);
    } catch (shape_error const& e) {
      throw e.inside(field);
    }
  }
  return wall_clock_now() + parse_duration_ms(text, field);
}

array_spec parse_array(std::string const& text) {
  constexpr char const* expected = "A-B, A-B:STEP or A-B:STEP%LIMIT such as 0-99:2%10";
  array_spec spec;
  auto rest = text;
  if (auto const percent = rest.find('%'); percent != std::string::npos) {
    spec.limit = parse_whole(rest.substr(percent + 1), "array", expected);
    if (spec.limit == 0)
      refuse("array", text, expected);
    rest.resize(percent);
  }
  if (rest.find(',') != std::string::npos) {
    std::size_t from = 0;
    while (from <= rest.size()) {
      auto const to = std::min(rest.find(',', from), rest.size());
      spec.indices.push_back(parse_whole(rest.substr(from, to - from), "array", expected));
      from = to + 1;
    }
    return spec;
  }
  if (auto const colon = rest.find(':'); colon != std::string::npos) {
    spec.step = parse_whole(rest.substr(colon + 1), "array", expected);
    rest.resize(colon);
  }
  auto const dash = rest.find('-');
  spec.first = parse_whole(rest.substr(0, dash), "array", expected);
  spec.last = dash == std::string::npos ? spec.first
                                        : parse_whole(rest.substr(dash + 1), "array", expected);
  if (spec.step == 0 || spec.last < spec.first)
    refuse("array", text, expected);
  return spec;
}

std::pair<std::string, std::string> parse_pair(std::string const& text, std::string const& field) {
  auto const equals = text.find('=');
  if (equals == std::string::npos || equals == 0)
    refuse(field, text, "KEY=VALUE");
  return {text.substr(0, equals), text.substr(equals + 1)};
}

job_id parse_job(std::string const& text, std::string const& field) {
  auto const value = parse_whole(text, field, "the number of a job, such as 17");
  if (value == 0)
    refuse(field, text, "the number of a job, such as 17");
  return {static_cast<std::uint64_t>(value)};
}

timestamp wall_clock_now() {
  auto const now = std::chrono::system_clock::now().time_since_epoch();
  return {std::chrono::duration_cast<std::chrono::milliseconds>(now).count()};
}

std::string show_duration(std::int64_t ms) {
  if (ms < 1000)
    return fmt::format("{} ms", ms);
  if (ms < 60'000)
    return fmt::format("{:.1f} s", static_cast<double>(ms) / 1000);
  if (ms < 3'600'000)
    return fmt::format("{}m {}s", ms / 60'000, ms / 1000 % 60);
  return fmt::format("{}h {}m", ms / 3'600'000, ms / 60'000 % 60);
}

std::string show_size(std::int64_t mb) {
  if (mb < 1024)
    return fmt::format("{} MiB", mb);
  return fmt::format("{:.1f} GiB", static_cast<double>(mb) / 1024);
}

}  // namespace nsai::node
