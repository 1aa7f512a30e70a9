#pragma once

#include <caf/deserializer.hpp>
#include <caf/detail/stringification_inspector.hpp>
#include <caf/error.hpp>
#include <caf/sec.hpp>
#include <caf/serializer.hpp>

#include "messages/compact.hpp"

/// How a described type crosses CAF: as one text of bytes in the compact form. Found by
/// argument-dependent lookup; every file that sends or receives messages includes this.
namespace nsai {

template <class I, described T>
requires std::is_base_of_v<caf::serializer, I> caf::error inspect(I& f, T& x) {
  auto bytes = compact::encoded(x);
  return f(bytes);
}

template <class I, described T>
requires std::is_base_of_v<caf::deserializer, I> caf::error inspect(I& f, T& x) {
  std::string bytes;
  if (auto e = f(bytes))
    return e;
  auto value = compact::decoded<T>(bytes);
  if (!value)
    return caf::sec::invalid_argument;
  x = std::move(*value);
  return {};
}

/// Only where CAF complains about a message that nobody understood.
template <described T>
void inspect(caf::detail::stringification_inspector& f, T&) {
  std::string const name = T::type_name;
  f(name);
}

}  // namespace nsai
