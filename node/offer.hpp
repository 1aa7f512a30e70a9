#pragma once

#include <string>

#include "messages/node.hpp"
#include "node/config.hpp"
#include "stages/stage.hpp"

namespace nsai::node {

/// Whether the config wants the GPUs of this machine.
bool finds_gpus(node_config const& config);

/// What this machine offers, by its config and as it is found: cores, memory, GPUs and built-in
/// stages, under a new incarnation. Logs which GPUs there are, or why there are none.
node_info offer_of(node_config const& config, std::string const& uuid,
                   stages::registry const& registry);

}  // namespace nsai::node
