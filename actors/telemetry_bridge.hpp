#pragma once

#include <chrono>
#include <string>
#include <vector>

#include <caf/actor.hpp>
#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/fwd.hpp>

#include "actors/handler_thread.hpp"
#include "actors/scheduler_link.hpp"
#include "messages/observe.hpp"

namespace nsai::actors {

/// Calls `handler` for every event whose name matches one of the shell patterns ("work.job.*",
/// "crucible.*") until `detach_handler`. Answered by `answer`: refused when the name is taken,
/// anywhere in the cluster, or there is no pattern.
/// The handler runs on a thread of its own, one event at a time. One that throws, or whose one call
/// takes longer than `limit` (0: any time), is detached, which is an event by itself
/// (work.telemetry.handler_detached). One that is merely slow gets its events later; those that it
/// falls too far behind are dropped by the scheduler, logged.
struct attach_handler {
  std::string name;
  std::vector<std::string> patterns;
  event_handler handler;
  std::chrono::milliseconds limit{5000};
};
/// Answered by `answer` when the handler is not running any more and will not be called again:
/// not_found when there is none of that name; unavailable/blocked when it did not return within its
/// limit. A name that is not of this bridge is one of another process of the same tenant.
struct detach_handler {
  std::string name;
};

struct bridge_settings {
  find_scheduler find;
  std::string tenant_id;  // whose events; empty: everyone's
  /// The first events are those after this one, or those to come.
  std::uint64_t after = only_new_events;
  /// Attached from the start, so that they miss nothing; a taken name is tried again.
  std::vector<attach_handler> handlers;
  /// Tests on the deterministic scheduler say false: handlers run on the bridge's actors.
  bool own_threads = true;
  /// Runs what a handler's thread has to tell; empty: at once, on that thread. Tests on the
  /// deterministic scheduler, which takes nothing from other threads, run it later on theirs.
  std::function<void(std::function<void()>)> post = {};
};

/// A process's side of telemetry: follows the scheduler's events with one reader for each handler,
/// and goes on after the last event a handler has had when a connection broke or the scheduler was
/// restarted.
///   attach_handler, detach_handler -> answer
///   scheduler_found -> nothing
/// Programs other than nodes use it too: with find_remotely it works from any process that has the
/// cluster's secret (examples/monitoring).
caf::behavior telemetry_bridge(caf::event_based_actor* self, bridge_settings settings);

}  // namespace nsai::actors

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(nsai::actors::attach_handler)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(nsai::actors::detach_handler)
