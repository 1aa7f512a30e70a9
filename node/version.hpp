#pragma once

#include <string>

namespace nsai::node {

/// "nsai 0.1.0" and what this build can do, for --version.
std::string version_text();
/// "0.1.0"
std::string version_number();

}  // namespace nsai::node
