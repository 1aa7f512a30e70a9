#pragma once

#include <concepts>
#include <optional>

#include <caf/deserializer.hpp>
#include <caf/detail/stringification_inspector.hpp>
#include <caf/error.hpp>
#include <caf/none.hpp>
#include <caf/serializer.hpp>

/// What CAF 0.17 lacks for our field lists: std::optional. Found by argument-dependent lookup
/// through the inspector's namespace; CAF 1.x brings its own.
namespace caf {

template <class I, class T>
requires std::is_base_of_v<serializer, I> error inspect(I& f, std::optional<T>& x) {
  std::uint8_t has = x ? 1 : 0;
  if (auto e = f(has))
    return e;
  return x ? f(*x) : error{};
}

template <class I, class T>
requires std::is_base_of_v<deserializer, I> error inspect(I& f, std::optional<T>& x) {
  std::uint8_t has = 0;
  if (auto e = f(has))
    return e;
  if (has == 0) {
    x.reset();
    return {};
  }
  return f(x.emplace());
}

namespace detail {

template <class T>
void inspect(stringification_inspector& f, std::optional<T>& x) {
  if (x)
    f(*x);
  else
    f(none);
}

}  // namespace detail
}  // namespace caf
