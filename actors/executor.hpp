#pragma once

#include <functional>
#include <memory>

#include <caf/actor.hpp>
#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/fwd.hpp>

#include "actors/scheduler_link.hpp"
#include "actors/workplace.hpp"
#include "messages/node.hpp"

namespace nsai::actors {

/// Node -> executor: give running attempts their grace period, hand the rest back, tell the
/// scheduler, and end. With `at_once` nothing is waited for.
struct shut_down {
  bool at_once = false;
};

struct executor_options {
  node_info node;
  std::shared_ptr<workplace const> where;
  actors::find_scheduler find_scheduler;
  /// Called once, when the node has been registered for the first time.
  std::function<void()> on_ready;
  std::int64_t grace_ms = 10'000;  // of the node's shutdown
  /// NVIDIA's library, by which the real GPUs are watched; empty: they are not.
  std::string gpu_library;
  std::chrono::milliseconds find_gpus_every{60'000};  // new ones are offered; 0: none are
  std::int64_t leaves_in_ms = 0;                      // then it shuts itself down; 0: it stays
};

/// The executor of a node: registers, beats, runs what it is granted as room frees (first come,
/// first served), keeps outcomes until they are recorded, and enforces timeouts. It works on while
/// the scheduler is away. It looks after its GPUs: what has changed of them goes along with the
/// beats, and attempts on one that has failed are ended as that. One that was not there before is
/// offered, too.
///   start_attempts, stop_attempts, outcomes_recorded -> nothing
///   read_log -> log_chunk
///   scheduler_found, scheduler_missing, shut_down, attempts_over -> nothing
/// Ends with user_shutdown after shut_down, or by itself when its time is up.
caf::actor spawn_executor(caf::actor_system& system, executor_options options);

}  // namespace nsai::actors

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(nsai::actors::shut_down)
