#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "messages/compact_bytes.hpp"
#include "messages/values.hpp"

/// The compact binary form of described types: how they travel between nodes and clients of the
/// same protocol version. A described value is a bit set of the fields that differ from those of a
/// value made by default (LEB128, the first field in the lowest bit), then these fields in order;
/// most of a submission's forty fields are never written, read or compared again. Whole numbers are
/// LEB128 (signed ones zigzag), texts and lists begin with their length. A field or a default that
/// changes changes the form: it needs a new protocol_version.
///
/// CAF's own inspection would call a virtual function and make an error object a field, for every
/// field, which cost more than the scheduling of the job.
namespace nsai::compact {

template <class T>
void write(writer& out, T const& value);
/// `value` has to be one made by default: what was not written is not touched.
template <class T>
[[nodiscard]] bool read(reader& in, T& value);

namespace detail {

// Types that stand for one value of another type.
template <class Tag>
auto& inner(id<Tag>& x) {
  return x.value;
}
inline auto& inner(timestamp& x) {
  return x.ms;
}
inline auto& inner(milli& x) {
  return x.value;
}
inline auto& inner(micro& x) {
  return x.value;
}
inline auto& inner(json_text& x) {
  return x.text;
}
template <class T>
concept wrapper = requires(T& x) {
  inner(x);
};

template <class T, class M>
bool is_usual(T const& x, T const& usual, M T::*member) {
  // Lists are usual when they are empty: their elements need not be comparable.
  if constexpr (nsai::detail::is_vector<M>::value || nsai::detail::is_string_map<M>::value)
    return (x.*member).empty() && (usual.*member).empty();
  else if constexpr (nsai::detail::is_optional<M>::value)
    return !(x.*member).has_value() && !(usual.*member).has_value();
  else if constexpr (requires { x.*member == usual.*member; })
    return x.*member == usual.*member;
  else
    return false;
}

template <described T>
void write_fields(writer& out, T const& value) {
  static T const usual{};
  static_assert(std::tuple_size_v<decltype(T::fields())> <= 64);
  std::uint64_t present = 0;
  std::uint64_t bit = 1;
  std::apply(
      [&](auto... each) {
        ((present |= is_usual(value, usual, each.member) ? 0 : bit, bit <<= 1), ...);
      },
      T::fields());
  out.number(present);
  bit = 1;
  auto const write_one = [&](auto const& field) {
    if ((present & bit) != 0)
      write(out, field);
    bit <<= 1;
  };
  std::apply([&](auto... each) { (write_one(value.*each.member), ...); }, T::fields());
}

template <described T>
bool read_fields(reader& in, T& value) {
  constexpr auto count = std::tuple_size_v<decltype(T::fields())>;
  std::uint64_t present = 0;
  if (!in.number(present) || (count < 64 && present >> (count % 64) != 0))
    return false;
  std::uint64_t bit = 1;
  auto const read_one = [&](auto& field) {
    bool const good = (present & bit) == 0 || read(in, field);
    bit <<= 1;
    return good;
  };
  return std::apply([&](auto... each) { return (read_one(value.*each.member) && ...); },
                    T::fields());
}

template <class T>
bool read_list(reader& in, std::vector<T>& list) {
  // An element takes a byte at least, so that a short message cannot ask for much memory; and what
  // it asks for comes in steps.
  constexpr std::uint64_t most_at_once = 1024;
  // A byte may stand for a thousand in memory: some MiB of zeros would be more than a machine has.
  constexpr std::uint64_t most_elements = (std::uint64_t{1} << 30) / sizeof(T);
  std::uint64_t count = 0;
  if (!in.number(count) || count > in.left() || count > most_elements)
    return false;
  list.reserve(static_cast<std::size_t>(std::min(count, most_at_once)));
  for (std::uint64_t i = 0; i < count; ++i)
    if (!read(in, list.emplace_back()))
      return false;
  return true;
}

template <class T>
bool read_map(reader& in, std::map<std::string, T>& map) {
  std::uint64_t count = 0;
  if (!in.number(count) || count > in.left())
    return false;
  for (std::uint64_t i = 0; i < count; ++i) {
    std::string key;
    T value{};
    if (!in.text(key) || !read(in, value))
      return false;
    map.insert_or_assign(std::move(key), std::move(value));
  }
  return true;
}

template <class T>
bool read_integer(reader& in, T& value) {
  std::uint64_t raw = 0;
  if (!in.number(raw))
    return false;
  if constexpr (std::is_signed_v<T>) {
    auto const full = static_cast<std::int64_t>(raw >> 1) ^ -static_cast<std::int64_t>(raw & 1);
    value = static_cast<T>(full);
    return value == full;
  } else {
    value = static_cast<T>(raw);
    return value == raw;
  }
}

}  // namespace detail

template <class T>
void write(writer& out, T const& value) {
  if constexpr (described<T>) {
    detail::write_fields(out, value);
  } else if constexpr (detail::wrapper<T>) {
    write(out, std::as_const(detail::inner(const_cast<T&>(value))));
  } else if constexpr (nsai::detail::is_optional<T>::value) {
    out.number(value ? 1 : 0);
    if (value)
      write(out, *value);
  } else if constexpr (nsai::detail::is_vector<T>::value) {
    out.number(value.size());
    for (auto const& item : value)
      write(out, item);
  } else if constexpr (nsai::detail::is_string_map<T>::value) {
    out.number(value.size());
    for (auto const& [key, item] : value) {
      out.text(key);
      write(out, item);
    }
  } else if constexpr (std::same_as<T, std::string>) {
    out.text(value);
  } else if constexpr (std::is_enum_v<T>) {
    out.number(static_cast<std::uint64_t>(value));
  } else if constexpr (std::is_signed_v<T>) {
    auto const full = static_cast<std::int64_t>(value);
    out.number((static_cast<std::uint64_t>(full) << 1) ^ static_cast<std::uint64_t>(full >> 63));
  } else {
    static_assert(std::is_unsigned_v<T>);  // bool too
    out.number(static_cast<std::uint64_t>(value));
  }
}

template <class T>
bool read(reader& in, T& value) {
  if constexpr (described<T>) {
    return detail::read_fields(in, value);
  } else if constexpr (detail::wrapper<T>) {
    return read(in, detail::inner(value));
  } else if constexpr (nsai::detail::is_optional<T>::value) {
    std::uint64_t has = 0;
    if (!in.number(has) || has > 1)
      return false;
    return has == 0 || read(in, value.emplace());
  } else if constexpr (nsai::detail::is_vector<T>::value) {
    return detail::read_list(in, value);
  } else if constexpr (nsai::detail::is_string_map<T>::value) {
    return detail::read_map(in, value);
  } else if constexpr (std::same_as<T, std::string>) {
    return in.text(value);
  } else if constexpr (named_enum<T>) {
    std::uint64_t raw = 0;
    if (!in.number(raw) || raw >= enum_names(value).size())
      return false;
    value = static_cast<T>(raw);
    return true;
  } else if constexpr (std::same_as<T, bool>) {
    std::uint64_t raw = 0;
    if (!in.number(raw) || raw > 1)
      return false;
    value = raw == 1;
    return true;
  } else {
    return detail::read_integer(in, value);
  }
}

template <described T>
std::string encoded(T const& value) {
  std::string bytes;
  writer out{bytes};
  write(out, value);
  return bytes;
}

/// Nothing when the bytes are not exactly one T.
template <described T>
std::optional<T> decoded(std::string_view bytes) {
  std::optional<T> value{std::in_place};
  reader in{bytes};
  if (!read(in, *value) || in.left() > 0)
    value.reset();
  return value;
}

}  // namespace nsai::compact
