#include "messages/bounded_json.hpp"

namespace nsai {
namespace {

/// Builds the document, and stops the parser below `most_nesting`.
class bounded_builder : public nlohmann::detail::json_sax_dom_parser<json> {
  using base = nlohmann::detail::json_sax_dom_parser<json>;

 public:
  explicit bounded_builder(json& to) : base(to, false) {}

  bool start_object(std::size_t length) { return deeper() && base::start_object(length); }
  bool start_array(std::size_t length) { return deeper() && base::start_array(length); }
  bool end_object() {
    --depth_;
    return base::end_object();
  }
  bool end_array() {
    --depth_;
    return base::end_array();
  }

  bool went_too_deep() const { return depth_ > most_nesting; }

 private:
  bool deeper() { return ++depth_ <= most_nesting; }

  std::size_t depth_ = 0;
};

}  // namespace

bool nests_too_deep(std::string_view text) {
  std::size_t depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    char const c = text[i];
    if (in_string) {
      if (c == '\\')
        ++i;
      else if (c == '"')
        in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '[' || c == '{') {
      if (++depth > most_nesting)
        return true;
    } else if ((c == ']' || c == '}') && depth > 0) {
      --depth;
    }
  }
  return false;
}

json read_cbor(std::string_view bytes) {
  json document;
  bounded_builder builder{document};
  bool sound = false;
  try {
    sound = json::sax_parse(bytes.begin(), bytes.end(), &builder, json::input_format_t::cbor);
  } catch (json::exception const&) {  // a length beyond any memory
  }
  if (builder.went_too_deep())
    throw too_deep("");
  if (!sound)
    throw shape_error("", std::to_string(bytes.size()) + " bytes are not a CBOR document",
                      "a CBOR document");
  return document;
}

shape_error too_deep(std::string const& path) {
  return {
      path,
      "arrays and objects lie more than " + std::to_string(most_nesting) + " deep in each other",
      "at most " + std::to_string(most_nesting)};
}

}  // namespace nsai
