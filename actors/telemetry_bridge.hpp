#pragma once

#include <functional>
#include <string>
#include <vector>

#include <caf/actor.hpp>
#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/fwd.hpp>

#include "actors/scheduler_link.hpp"
#include "messages/observe.hpp"

namespace nsai::actors {

using event_handler = std::function<void(event const&)>;

/// Calls `handler` for every event whose name matches one of the shell patterns ("work.job.*",
/// "crucible.*") until `detach_handler`. Answered by `answer`: refused when the name is taken or
/// there is no pattern.
struct attach_handler {
  std::string name;
  std::vector<std::string> patterns;
  event_handler handler;
};
/// Answered by `answer`: not_found when there is no such handler.
struct detach_handler {
  std::string name;
};

/// Receives the scheduler's events and hands them to the handlers of its process:
///   attach_handler, detach_handler -> answer
///   scheduler_found -> nothing; follows the events of that scheduler, those after `after` first
/// `handlers` are attached from the start, so that they miss nothing.
/// Over a broken connection it goes on after the last event it has handed out. Work events that
/// have a Crucible name are handed out under both. A handler that throws is detached, which is
/// logged. Handlers run on the bridge's thread: spawn it detached, and a slow one delays other
/// handlers, never a job; events that it falls too far behind are dropped by the scheduler, logged.
caf::behavior telemetry_bridge(caf::event_based_actor* self, find_scheduler find,
                               std::uint64_t after, std::vector<attach_handler> handlers);

/// "crucible.stage.started" for "work.job.started"; empty: the event has no Crucible name.
std::string crucible_name(std::string const& work_event);

}  // namespace nsai::actors

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(nsai::actors::attach_handler)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(nsai::actors::detach_handler)
