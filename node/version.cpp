#include "node/version.hpp"

#include "messages/api.hpp"
#include "stages/compute.hpp"

namespace nsai::node {

std::string version_number() {
  return NSAI_VERSION;
}

std::string version_text() {
  auto const gpu = stages::gpu_code_of_this_build();
  return "nsai " + version_number() + " (protocol " + std::to_string(protocol_version) +
         (gpu.empty() ? ", without CUDA: stages on the CPU" : ", GPU code of " + gpu) + ")";
}

}  // namespace nsai::node
