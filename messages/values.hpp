#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <string>

#include "messages/field_list.hpp"

namespace nsai {

/// A number that names one thing of one kind; numbers of different kinds do not mix. 0 names
/// nothing.
template <class Tag>
struct id {
  std::uint64_t value = 0;

  friend auto operator<=>(id const&, id const&) = default;
  explicit operator bool() const noexcept { return value != 0; }
};

template <class Tag>
void to_json(json& j, id<Tag> const& x) {
  j = x.value;
}
template <class Tag>
void from_json(json const& j, id<Tag>& x) {
  read_json(j, x.value);
}

/// Unique in the cluster for ever, given out in ascending order from 1.
using job_id = id<struct job_tag>;

/// Counts the grants of one job from 1. A larger number revokes every smaller one.
using attempt_no = std::uint32_t;

/// A point in time by the scheduler's clock, in milliseconds since 1970-01-01T00:00:00Z. 0: never.
/// In JSON: RFC 3339 in UTC with milliseconds ("2026-03-01T09:30:00.000Z"), null for never.
struct timestamp {
  std::int64_t ms = 0;

  friend auto operator<=>(timestamp const&, timestamp const&) = default;
  explicit operator bool() const noexcept { return ms != 0; }
  friend timestamp operator+(timestamp t, std::int64_t add_ms) { return {t.ms + add_ms}; }
  friend std::int64_t operator-(timestamp a, timestamp b) { return a.ms - b.ms; }
};

std::string to_rfc3339(timestamp t);
/// Accepts any RFC 3339 date-time (fraction optional, Z or an offset). Throws shape_error.
timestamp from_rfc3339(std::string const& text);

void to_json(json& j, timestamp const& x);
void from_json(json const& j, timestamp& x);

/// A decimal quantity kept in thousandths, since no floating point may travel in a CAF 0.17
/// message. In JSON it is a plain number: 0.5 is kept as 500.
struct milli {
  std::int64_t value = 0;

  friend auto operator<=>(milli const&, milli const&) = default;
};

void to_json(json& j, milli const& x);
void from_json(json const& j, milli& x);

/// A decimal quantity kept in millionths (US dollars, mostly); in JSON a plain number.
struct micro {
  std::int64_t value = 0;

  friend auto operator<=>(micro const&, micro const&) = default;
};

void to_json(json& j, micro const& x);
void from_json(json const& j, micro& x);

/// A JSON value as text: it crosses actors and lands in the store without being parsed on the way.
/// Empty: null. In JSON documents it is the value itself.
struct json_text {
  std::string text;

  friend bool operator==(json_text const&, json_text const&) = default;
  bool empty() const noexcept { return text.empty(); }
  /// The parsed value; null when empty. Throws shape_error when the text is not JSON.
  json value() const;
  static json_text of(json const& value);
};

void to_json(json& j, json_text const& x);
void from_json(json const& j, json_text& x);

namespace detail {
[[noreturn]] void throw_unknown_name(json const& value, std::vector<std::string> const& known);
}  // namespace detail

/// Names for an enumeration, in the order of its values from 0. Specialise `names_of` next to the
/// enumeration:
///   inline constexpr char const* names_of(priority p)
template <class E>
concept named_enum = std::is_enum_v<E> && requires(E e) {
  { enum_names(e) } -> std::convertible_to<std::vector<std::string> const&>;
};

template <named_enum E>
std::string const& to_string(E value) {
  return enum_names(value).at(static_cast<std::size_t>(value));
}

/// The value called `name`, or nothing.
template <named_enum E>
std::optional<E> from_name(std::string const& name) {
  auto const& names = enum_names(E{});
  for (std::size_t i = 0; i < names.size(); ++i)
    if (names[i] == name)
      return static_cast<E>(i);
  return std::nullopt;
}

template <named_enum E>
void to_json(json& j, E value) {
  j = to_string(value);
}

template <named_enum E>
void from_json(json const& j, E& value) {
  auto const found = j.is_string() ? from_name<E>(j.get<std::string>()) : std::nullopt;
  if (!found)
    detail::throw_unknown_name(j, enum_names(E{}));
  value = *found;
}

}  // namespace nsai

template <class Tag>
struct std::hash<nsai::id<Tag>> {
  std::size_t operator()(nsai::id<Tag> x) const noexcept {
    return std::hash<std::uint64_t>{}(x.value);
  }
};
