#pragma once

#include <functional>
#include <string>

#include <caf/actor.hpp>
#include <caf/actor_system.hpp>

#include "actors/connect.hpp"

namespace nsai::actors {

/// Finds a remote scheduler for an executor: dials on a thread of its own (connecting blocks),
/// again and again with a growing, jittered pause, and sends scheduler_found. Hand the result to
/// executor_options::find_scheduler. A refusal (wrong secret or version) is told in the log and
/// tried again, since an operator may mend it. The returned actor ends by an exit message.
struct scheduler_link {
  caf::actor finder;
  std::function<void(caf::actor)> find;
};
scheduler_link link_to_scheduler(caf::actor_system& system, endpoint where, std::string secret);

}  // namespace nsai::actors
