#pragma once

#include <concepts>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

namespace nsai {

using json = nlohmann::json;

/// Names a member for JSON, CBOR and error messages; the compact form (compact.hpp) only needs the
/// order.
template <class T, class M>
struct field {
  char const* name;
  M T::*member;
};

template <class T, class M>
field(char const*, M T::*) -> field<T, M>;

/// A message or value type: has a `type_name` and a constexpr tuple of its fields. From this one
/// list come the form in which it crosses CAF, JSON and CBOR, so a new field is one line.
template <class T>
concept described = requires {
  { T::type_name } -> std::convertible_to<char const*>;
  T::fields();
};

/// A JSON document does not have the shape of the type that is read from it. `path` leads from the
/// document's root to the faulty place ("constraints.timeout_ms"); `expected` says in words what
/// belongs there.
class shape_error : public std::invalid_argument {
 public:
  shape_error(std::string path, std::string came, std::string expected)
      : std::invalid_argument(path + ": " + came + "; expected " + expected),
        path_(std::move(path)),
        came_(std::move(came)),
        expected_(std::move(expected)) {}

  std::string const& path() const noexcept { return path_; }

  /// The same fault, seen from the owner of the field or element `outer`.
  shape_error inside(std::string const& outer) const {
    if (path_.empty())
      return {outer, came_, expected_};
    return {outer + (path_.front() == '[' ? "" : ".") + path_, came_, expected_};
  }

 private:
  std::string path_;
  std::string came_;
  std::string expected_;
};

/// A short rendering of an unexpected value for an error message: `the string "abc"`, `the number
/// -5`.
std::string describe_json(json const& value);

/// Reads `value` into `to`; a fault is a shape_error whose path starts inside `value`.
template <class M>
void read_json(json const& value, M& to);

namespace detail {

template <class T>
struct is_optional : std::false_type {};
template <class T>
struct is_optional<std::optional<T>> : std::true_type {};
template <class T>
struct is_vector : std::false_type {};
template <class T>
struct is_vector<std::vector<T>> : std::true_type {};
template <class T>
struct is_string_map : std::false_type {};
template <class T>
struct is_string_map<std::map<std::string, T>> : std::true_type {};

[[noreturn]] void throw_unexpected(json const& value, char const* expected);
[[noreturn]] void throw_unknown_field(std::string const& key,
                                      std::vector<std::string> const& known);
std::int64_t read_integer(json const& value, std::int64_t least, std::uint64_t most);

template <class M>
void read_number(json const& value, M& to) {
  if constexpr (std::is_unsigned_v<M>) {
    if (value.is_number_unsigned() && value.get<std::uint64_t>() <= std::numeric_limits<M>::max())
      to = static_cast<M>(value.get<std::uint64_t>());
    else
      to = static_cast<M>(read_integer(value, 0, std::numeric_limits<M>::max()));
  } else {
    to = static_cast<M>(
        read_integer(value, std::numeric_limits<M>::min(), std::numeric_limits<M>::max()));
  }
}

template <class T>
void read_fields(json const& value, T& to) {
  if (!value.is_object())
    throw_unexpected(value, "an object");
  for (auto const& entry : value.items()) {
    auto const& key = entry.key();
    auto const& item = entry.value();
    bool known = false;
    auto visit = [&](auto each) {
      if (known || key != each.name)
        return;
      known = true;
      try {
        read_json(item, to.*each.member);
      } catch (shape_error const& fault) {
        throw fault.inside(key);
      }
    };
    std::apply([&](auto... each) { (visit(each), ...); }, T::fields());
    if (!known) {
      std::vector<std::string> names;
      std::apply([&](auto... each) { (names.emplace_back(each.name), ...); }, T::fields());
      throw_unknown_field(key, names);
    }
  }
}

}  // namespace detail

template <described T>
void to_json(json& j, T const& x);

/// Keeps the defaults of fields that are absent; refuses unknown ones by name.
template <described T>
void from_json(json const& j, T& x) {
  detail::read_fields(j, x);
}

/// Writes any member: described types, strong types with their own to_json, containers and
/// optionals (null).
template <class M>
json write_json(M const& from) {
  if constexpr (described<M>) {
    json object;
    to_json(object, from);
    return object;
  } else if constexpr (detail::is_optional<M>::value) {
    return from ? write_json(*from) : json(nullptr);
  } else if constexpr (detail::is_vector<M>::value) {
    json list = json::array();
    for (auto const& item : from)
      list.push_back(write_json(item));
    return list;
  } else if constexpr (detail::is_string_map<M>::value) {
    json object = json::object();
    for (auto const& [key, item] : from)
      object[key] = write_json(item);
    return object;
  } else {
    return json(from);
  }
}

template <described T>
void to_json(json& j, T const& x) {
  // Apart: json leaks what it holds when its constructor, which calls this, is left by an
  // exception.
  json object = json::object();
  std::apply([&](auto... each) { ((object[each.name] = write_json(x.*each.member)), ...); },
             T::fields());
  j = std::move(object);
}

template <class M>
void read_json(json const& value, M& to) {
  if constexpr (described<M>) {
    detail::read_fields(value, to);
  } else if constexpr (detail::is_optional<M>::value) {
    if (value.is_null())
      to.reset();
    else
      read_json(value, to.emplace());
  } else if constexpr (detail::is_vector<M>::value) {
    if (!value.is_array())
      detail::throw_unexpected(value, "an array");
    to.clear();
    for (std::size_t i = 0; i < value.size(); ++i) {
      try {
        read_json(value[i], to.emplace_back());
      } catch (shape_error const& fault) {
        throw fault.inside("[" + std::to_string(i) + "]");
      }
    }
  } else if constexpr (detail::is_string_map<M>::value) {
    if (!value.is_object())
      detail::throw_unexpected(value, "an object");
    to.clear();
    for (auto const& [key, item] : value.items()) {
      try {
        read_json(item, to[key]);
      } catch (shape_error const& fault) {
        throw fault.inside(key);
      }
    }
  } else if constexpr (std::same_as<M, bool>) {
    if (!value.is_boolean())
      detail::throw_unexpected(value, "true or false");
    to = value.get<bool>();
  } else if constexpr (std::integral<M>) {
    detail::read_number(value, to);
  } else if constexpr (std::same_as<M, std::string>) {
    if (!value.is_string())
      detail::throw_unexpected(value, "a string");
    to = value.get<std::string>();
  } else {
    value.get_to(to);
  }
}

}  // namespace nsai
