#pragma once

#include <string>
#include <variant>
#include <vector>

#include "messages/attempt.hpp"
#include "messages/job.hpp"
#include "messages/node.hpp"
#include "messages/record.hpp"
#include "scheduling/boxed.hpp"

/// What the core wants done. Effects that change durable state come first in meaning: an actor
/// makes all durable effects of a batch durable (one commit) before it carries out any other effect
/// of that batch.
namespace nsai::scheduling {

/// Durable. A job exists now. `position` counts an array's or experiment's children from 0.
struct job_created {
  job_id id;
  job_id parent;
  std::uint32_t position = 0;
  std::uint64_t children = 0;  // of a parent: their numbers follow its own without a gap
  job_status status = job_status::pending;
  std::uint32_t request = 0;  // position of its submission in the batch
};

/// Durable. The scheduling facts of a live job changed.
struct job_changed {
  job_id id;
  job_status status = job_status::pending;
  std::int32_t own_failures = 0;
  std::int32_t infra_failures = 0;
  timestamp eligible_at;
  bool cancel_requested =
      false;  // of a running job or a parent: it ends as canceled once its attempts are gone
  bool handed_back = false;  // the running attempt was stopped by a drain, with its gang, or for
                             // another job: it is nobody's failure
  bool preempted = false;    // it was for another job
  std::int32_t preemptions = 0;
  attempt_no attempt = 0;  // the latest; of a gang's parent: that of its members
};

/// Durable. What is ordered for a node from now on; an order that is over is forgotten.
struct node_order_changed {
  boxed<node_order> order;  // always there
};

/// Durable, together with the submission that whoever performs this makes of it.
struct recurrence_due {
  std::string tenant_id;
  std::string name;
  timestamp next_at;  // when it is due again
};

/// Durable. What the ended attempts of all the tenant's jobs have cost, together with that of the
/// attempt that ends (`attempt_closed`, `job_ended`).
struct tenant_spent {
  std::string tenant_id;
  micro spent;
};

/// Durable before it is sent; sent once. After a restart the attempt is unconfirmed and never sent
/// again.
struct attempt_granted {
  attempt_ref ref;
  std::string const* node_uuid = nullptr;  // valid until the next `apply`
  std::string const* node_name = nullptr;
  std::uint64_t incarnation = 0;
  std::uint64_t session = 0;
  std::vector<device_grant> devices;
  std::int64_t cost_rate = 0;  // millionths of a USD an hour (cost.hpp)
  boxed<gang_place> gang;      // of a gang's member; all its members are granted by one event
};

/// Durable. An attempt is over and another may follow: one entry of the job's history. Of a gang's
/// member: it stays as it is until the attempts of all members are over.
struct attempt_closed {
  attempt_ref ref;
  attempt_result result = attempt_result::failed;
  std::string node_name;
  std::int64_t duration_ms = 0;
  boxed<error_info> error;
  micro cost{};               // of the job, up to now
  bool keeps_result = false;  // that of the outcome being applied is the job's, if it succeeds
};

/// Durable. The job has reached its one terminal state; waiting clients hear of it after the
/// commit. A result, if there is one, is that of the outcome being applied; a parent's is composed
/// of its children's.
struct job_ended {
  job_id id;
  job_status status = job_status::succeeded;
  attempt_no attempt = 0;
  std::int64_t duration_ms = 0;
  boxed<error_info> error;
  bool from_outcome = false;  // the outcome of the running `attempt_ended` carries the result
  bool from_kept = false;     // it was kept when the attempt was closed
  // A gang's: the member whose result is its own; a step's: whose result it took over; 0: none.
  job_id result_of;
  std::vector<job_id> context_from;  // an experiment's last stages: their contexts make the result
  boxed<std::string> summary;        // an array's result as JSON
  micro cost;                        // of its attempts; of a parent: nothing
};

/// To the executor of a node; repeatable.
struct attempt_stopped {
  std::string node_uuid;
  std::uint64_t session = 0;
  attempt_ref ref;
};
/// To the executor, after the commit: the outcome is recorded or refused for good; repeatable.
struct outcome_settled {
  std::string node_uuid;
  attempt_ref ref;
  bool accepted = true;
};

/// Asks the tenant's supervisor; answered by `supervisor_decided`. Asked again after a restart.
struct consult_supervisor {
  attempt_ref ref;
  std::string tenant_id;
  std::string stage;
  attempt_result result = attempt_result::failed;
  std::int32_t own_failures = 0;
  std::int32_t infra_failures = 0;
  boxed<nsai::constraints> constraints;  // always there
  boxed<error_info> error;
  std::uint32_t label = 0;  // label_no of the job
};

/// For telemetry; told after the commit, lost at a crash.
enum class happening : std::uint8_t {
  job_submitted,
  job_queued,
  job_started,
  job_progress,
  job_completed,
  job_failed,
  job_canceled,
  job_retry,
  node_joined,
  node_suspect,
  node_lost,
  node_left,      // it takes nothing more
  node_drained,   // and nothing is left on it
  node_draining,  // it takes nothing more until it is resumed
  node_resumed,
  gpu_quarantined,
  gpu_released,  // from quarantine or probation: it is sound
  node_quarantined,
  node_released,
  handler_detached
};
struct happened {
  happening what = happening::job_submitted;
  bool composite = false;  // of a job that runs nowhere itself
  bool dequeued = false;   // its end took it out of the queue
  bool reused = false;     // it ended with the result of another job: nothing has run
  std::uint16_t progress_permille = 0;
  job_id job;
  job_id parent;            // 0: none
  std::uint32_t label = 0;  // label_no of the job
  attempt_no attempt = 0;
  std::int64_t duration_ms = 0;  // of the attempt, or the delay of a retry
  std::int64_t queue_ms = 0;
  std::int64_t ran_ms = 0;  // of a retry: the attempt before it
  // Name. With the end of a job, and with a retry: where the attempt was that ended with it; empty:
  // none did.
  std::string node;
  std::string detail;
};

/// Wants `clock_advanced` at this time, at the latest; a later one of these replaces an earlier
/// one.
struct wake_at {
  timestamp at;
};

using effect =
    std::variant<job_created, job_changed, node_order_changed, recurrence_due, tenant_spent,
                 attempt_granted, attempt_closed, job_ended, attempt_stopped, outcome_settled,
                 consult_supervisor, happened, wake_at>;
/// A huge array makes millions of them at once.
static_assert(sizeof(effect) <= 128);
using effects = std::vector<effect>;

}  // namespace nsai::scheduling
