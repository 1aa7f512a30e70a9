#pragma once

#include <functional>
#include <string>

#include <caf/actor.hpp>
#include <caf/actor_system.hpp>
#include <caf/allowed_unsafe_message_type.hpp>

#include "actors/connect.hpp"

namespace nsai::actors {

/// Finder -> whoever asked: the scheduler can be reached through this handle.
struct scheduler_found {
  caf::actor scheduler;
};

/// Finder -> whoever asked: one more try has failed; the next one follows by itself.
struct scheduler_missing {
  error_info why;
};

/// Called whenever the given actor needs the scheduler (again); answers, now or later, by sending
/// it scheduler_found, with any number of scheduler_missing before.
using find_scheduler = std::function<void(caf::actor)>;

/// Finds a remote scheduler on a thread of its own (connecting blocks), again and again with a
/// growing, jittered pause. A refusal (wrong secret or version) is told and tried again, since an
/// operator may mend it. The thread starts with the first search and ends with the actor that
/// searched first.
find_scheduler find_remotely(caf::actor_system& system, endpoint where, std::string secret);
/// Asks for the secret before every try: a scheduler that starts for the first time, perhaps after
/// the node, makes it then. The source must not throw.
using secret_source = std::function<std::string()>;
find_scheduler find_remotely(caf::actor_system& system, endpoint where, secret_source secret);

/// For actors in the scheduler's own process.
find_scheduler find_locally(caf::actor scheduler);

}  // namespace nsai::actors

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(nsai::actors::scheduler_found)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(nsai::actors::scheduler_missing)
