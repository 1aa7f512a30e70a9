#include "store/encoding.hpp"

namespace nsai::store {

std::string experiment_of(json_text const& metadata) {
  // Most metadata names no experiment and need not be parsed.
  if (metadata.text.find("\"experiment_id\"") == std::string::npos)
    return {};
  auto const parsed = json::parse(metadata.text, nullptr, false);
  if (!parsed.is_object() || !parsed.contains("experiment_id"))
    return {};
  auto const& value = parsed["experiment_id"];
  if (value.is_string())
    return value.get<std::string>();
  return value.is_number_integer() ? value.dump() : std::string();
}

}  // namespace nsai::store
