#pragma once

#include <string>
#include <utility>

#include "messages/node.hpp"

/// Short forms for `stage_description::options`.
namespace nsai::stages {

/// `type`: string, integer, number, boolean, array or object. A null `fallback`: no default.
inline option_description option(std::string name, std::string type, json const& fallback,
                                 std::string help) {
  option_description o;
  o.name = std::move(name);
  o.type = std::move(type);
  o.default_value = json_text::of(fallback);
  o.help = std::move(help);
  return o;
}

inline option_description at_least(option_description o, std::int64_t least) {
  o.least = milli{least * 1000};
  return o;
}

inline option_description between(option_description o, std::int64_t least, std::int64_t most) {
  o.least = milli{least * 1000};
  o.most = milli{most * 1000};
  return o;
}

}  // namespace nsai::stages
