#include "node/version.hpp"

#include "messages/api.hpp"

namespace nsai::node {

std::string version_number() {
  return NSAI_VERSION;
}

std::string version_text() {
  return "nsai " + version_number() + " (protocol " + std::to_string(protocol_version) +
         ", stages on the CPU)";
}

}  // namespace nsai::node
