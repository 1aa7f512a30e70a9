#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <vector>

#include <caf/actor.hpp>
#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/fwd.hpp>

#include "actors/workplace.hpp"
#include "messages/attempt.hpp"
#include "messages/observe.hpp"

namespace nsai::actors {

/// Shared by the executor and the thread that runs an attempt: how to stop it, and how far it is.
class attempt_control {
 public:
  /// `as` is what a stopped attempt counts as; the first reason stays.
  void request_stop(attempt_result as);
  std::stop_token token() const { return stop_.get_token(); }
  attempt_result stopped_as() const { return stopped_as_.load(); }

  void set_progress(progress_info progress);
  /// The progress since the last call, if there is any.
  std::optional<progress_info> take_progress();

 private:
  std::stop_source stop_;
  std::atomic<attempt_result> stopped_as_{attempt_result::none};
  std::mutex mutex_;
  std::optional<progress_info> progress_;
};

/// Executor -> worker: run these one after the other (more than one only for brief stages).
/// Worker -> executor: `attempts_over`, once for the message; from stage hosts as outcomes come.
struct run_attempts {
  std::vector<start_attempt> attempts;
  std::shared_ptr<attempt_control> control;
  std::string backend;
  bool brief = false;
};
struct attempts_over {
  std::vector<attempt_outcome> outcomes;
};

/// Executor -> worker: stop what runs outside the node's process (in-process stages are stopped
/// through their control); it then counts as `as`.
struct stop_outside {
  attempt_ref ref;
  attempt_result as = attempt_result::canceled;
  std::string signal;
  std::int64_t grace_ms = 0;
};

/// A CPU worker: runs what it is given: brief stages at once, those that may block on threads of
/// their own, the others in the node's stage hosts, and programs under a warden.
///   run_attempts -> the executor gets attempts_over
///   stop_outside -> nothing
caf::behavior cpu_worker(caf::event_based_actor* self, std::shared_ptr<workplace const> where,
                         caf::actor executor, std::string name);

/// A GPU worker owns one device: the attempts that were granted it come here (several when it is
/// shared). The same protocol as a CPU worker's. Attempts on virtual devices see no CUDA device and
/// run their stage's CPU twin.
caf::behavior gpu_worker(caf::event_based_actor* self, std::shared_ptr<workplace const> where,
                         caf::actor executor, gpu_info device);

}  // namespace nsai::actors

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(nsai::actors::run_attempts)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(nsai::actors::attempts_over)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(nsai::actors::stop_outside)
