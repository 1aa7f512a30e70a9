#pragma once

#include <limits>

#include "messages/values.hpp"

namespace nsai {

/// The JSON Schema (draft 2020-12) of what `write_json` gives and `read_json` takes for a type,
/// from the same field list, so that documents and program cannot differ.
template <class M>
json schema_of() {
  if constexpr (described<M>) {
    json properties = json::object();
    std::apply(
        [&]<class... F>(F... each) {
          ((properties[each.name] =
                schema_of<std::remove_cvref_t<decltype(std::declval<M>().*each.member)>>()),
           ...);
        },
        M::fields());
    return {{"type", "object"}, {"properties", properties}, {"additionalProperties", false}};
  } else if constexpr (detail::is_optional<M>::value) {
    return {{"anyOf", {schema_of<typename M::value_type>(), {{"type", "null"}}}}};
  } else if constexpr (detail::is_vector<M>::value) {
    return {{"type", "array"}, {"items", schema_of<typename M::value_type>()}};
  } else if constexpr (detail::is_string_map<M>::value) {
    return {{"type", "object"}, {"additionalProperties", schema_of<typename M::mapped_type>()}};
  } else if constexpr (named_enum<M>) {
    return {{"enum", enum_names(M{})}};
  } else if constexpr (std::same_as<M, bool>) {
    return {{"type", "boolean"}};
  } else if constexpr (std::integral<M>) {
    return {{"type", "integer"},
            {"minimum", std::numeric_limits<M>::min()},
            {"maximum", std::numeric_limits<M>::max()}};
  } else if constexpr (std::same_as<M, std::string>) {
    return {{"type", "string"}};
  } else if constexpr (std::same_as<M, milli> || std::same_as<M, micro>) {
    return {{"type", "number"}};
  } else if constexpr (std::same_as<M, timestamp>) {
    return {{"type", {"string", "null"}}, {"format", "date-time"}};
  } else if constexpr (std::same_as<M, json_text> || std::same_as<M, json>) {
    return json::object();
  } else {
    static_assert(
        requires(M m) { id{m}; }, "a type without a schema");
    return {{"type", "integer"}, {"minimum", 0}};
  }
}

}  // namespace nsai
