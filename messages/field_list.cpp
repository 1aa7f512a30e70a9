#include "messages/field_list.hpp"

#include "messages/suggest.hpp"

namespace nsai {

std::string describe_json(json const& value) {
  std::size_t longest = 60;
  std::string text = value.dump(-1, ' ', false, json::error_handler_t::replace);
  if (text.size() > longest) {
    while ((static_cast<unsigned char>(text[longest]) & 0xc0U) == 0x80)
      --longest;  // no character is cut in two
    text = text.substr(0, longest) + "...";
  }
  switch (value.type()) {
    case json::value_t::null:
      return "null";
    case json::value_t::string:
      return "the string " + text;
    case json::value_t::boolean:
      return text;
    case json::value_t::array:
      return "the array " + text;
    case json::value_t::object:
      return "the object " + text;
    default:
      return "the number " + text;
  }
}

namespace detail {

void throw_unexpected(json const& value, char const* expected) {
  throw shape_error("", describe_json(value) + " is not allowed", expected);
}

void throw_unknown_field(std::string const& key, std::vector<std::string> const& known) {
  auto const near = nearest(key, known);
  throw shape_error(key, "this field is not known",
                    near.empty() ? "one of " + joined(known) : near + " (did you mean that?)");
}

std::int64_t read_integer(json const& value, std::int64_t least, std::uint64_t most) {
  auto const expected =
      "a whole number from " + std::to_string(least) + " to " + std::to_string(most);
  if (!value.is_number_integer())
    throw shape_error("", describe_json(value) + " is not allowed", expected);
  bool const too_large = value.is_number_unsigned() && value.get<std::uint64_t>() > most;
  bool const too_small = !value.is_number_unsigned() && value.get<std::int64_t>() < least;
  if (too_large || too_small)
    throw shape_error("", describe_json(value) + " is not allowed", expected);
  return value.get<std::int64_t>();
}

}  // namespace detail
}  // namespace nsai
