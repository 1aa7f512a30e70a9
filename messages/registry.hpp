#pragma once

namespace caf {
class actor_system_config;
}

namespace nsai {

/// Makes every message of messages/ known to CAF. Programs of one cluster call it with the same
/// list, since a type that one end does not know arrives there as an empty message.
void register_messages(caf::actor_system_config& config);

}  // namespace nsai
