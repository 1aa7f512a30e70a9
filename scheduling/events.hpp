#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "messages/attempt.hpp"
#include "messages/job.hpp"
#include "messages/node.hpp"
#include "messages/observe.hpp"
#include "messages/tenant.hpp"
#include "scheduling/cron.hpp"
#include "scheduling/fair_share.hpp"

/// Everything the core can be told. The core owns no payloads: options, contexts and results pass
/// it by.
namespace nsai::scheduling {

/// What is known of a job that has already ended and left the core, as the store answers it.
struct ended_job {
  job_id id;
  job_status status = job_status::succeeded;
  std::string tenant_id{};  // whose it is
};

/// Null: it is not among them.
ended_job const* find_ended(std::vector<ended_job> const& ended, job_id id);

/// A number of the caller's for what telemetry says about a job (tenant, namespace, experiment,
/// stage). The core keeps it and gives it back in `happened`.
using label_no = std::uint32_t;

/// A checked and completed submission (`complete_and_check`). `ended` holds those of its
/// dependencies that the core does not know as live; a dependency found in neither is refused as
/// unknown.
struct job_submitted {
  submission const* request = nullptr;  // read during `apply` only
  std::vector<ended_job> ended;
  label_no label = 0;                 // of the job, and of an array's children
  std::vector<label_no> step_labels;  // of an experiment's children, by position
  // Of a job in a batch: positions of jobs before it there, beside those in its constraints.
  std::vector<std::uint32_t> after{};
  std::vector<std::uint32_t> after_any{};
};
/// Why a step may not take over the job that it names, if it names one.
std::optional<error_info> check_reuse(job_submitted const& e, step_spec const& step,
                                      std::string const& path);

/// Submissions of which all are accepted, or none; answered by `batch_answers`.
struct batch_submitted {
  std::vector<job_submitted> jobs;
};

/// A live or unfinished job as the store had it when the scheduler started. Children follow their
/// parents.
struct job_restored {
  job_record record;  // with `unique` of the job itself only
  std::string key;
  std::optional<array_spec> array;     // of an array's parent
  std::int32_t nodes = 1;              // of a gang: more
  std::vector<std::uint32_t> after{};  // of an experiment's child: positions in the pipeline
  std::uint32_t step = 0;              // of an experiment's child: its position
  std::string node_uuid;               // where the running attempt was granted
  std::uint64_t incarnation = 0;       // of that node
  std::int32_t own_failures = 0;
  std::int32_t infra_failures = 0;
  std::int64_t cost_rate = 0;    // of the running attempt; the record has the cost of those before
  timestamp eligible_at;         // end of a backoff; 0: none
  std::vector<ended_job> ended;  // dependencies that have ended; the others are live
  label_no label = 0;
  bool cancel_requested = false;  // as the latest `job_changed` said
  bool handed_back = false;       // likewise
  bool preempted = false;         // likewise
  /// Of a running job whose attempt was closed: a gang's member that waits for the others. How the
  /// attempt ended, and why.
  std::optional<attempt_result> over{};
  std::optional<error_info> over_error{};
};
/// A child that had ended while its parent still lives, counted into the parent at restart.
struct child_restored {
  job_id parent;
  job_id child;
  job_status status = job_status::succeeded;
  std::vector<std::uint32_t> after{};  // of an experiment's child: positions in the pipeline
};
/// What an owner had used when the scheduler ended, decayed to the present.
struct usage_restored {
  std::string tenant_id;
  std::string owner;
  amounts used;
};
/// What the attempts of a tenant's jobs had cost when the scheduler ended, as the latest
/// `tenant_spent` said.
struct spending_restored {
  std::string tenant_id;
  micro spent;
};
/// The config says something else of tenants from now on: checked values (`check`) take the place
/// of all before.
struct tenants_changed {
  std::map<std::string, tenant_settings> tenants;
};
/// All jobs were restored: unconfirmed attempts wait `adopt_ms` from now for their nodes.
struct restore_finished {};

/// Something recurs from now on, or it did when the scheduler started.
struct recurrence_set {
  std::string tenant_id;
  std::string name;
  cron_times times;
  timestamp next_at{};  // 0: the first time from now
};
struct recurrence_canceled {
  std::string tenant_id;
  std::string name;
};

struct cancel_requested {
  job_id job;
};

struct node_registered {
  register_node const* registration =
      nullptr;  // read during `apply` only; its outcomes are fed apart, before
  std::uint64_t session = 0;
};
struct node_beat {
  std::string uuid;
  std::uint64_t session = 0;
  std::vector<attempt_progress> progress;  // what is not of a current attempt is ignored
  std::vector<std::uint32_t> ports{};      // that the node has chosen since
  std::vector<gpu_state> gpus{};           // that have changed since
};
/// The connection broke: suspect, not lost.
struct node_disconnected {
  std::string uuid;
  std::uint64_t session = 0;
};
/// The node leaves by itself; it hands its attempts back as outcomes.
struct node_left {
  std::string uuid;
  std::uint64_t session = 0;
};

/// What had been ordered for a node when the scheduler started.
struct node_order_restored {
  node_order order;
};
/// By name or uuid; all of them or none. `last_answer` is the refusal, if there is one.
struct drain_ordered {
  std::vector<std::string> nodes;
  std::optional<std::int64_t> deadline_ms{};  // from now
  std::string reason{};
  std::optional<maintenance_window> window{};  // drains only while it lasts
};
struct resume_ordered {
  std::vector<std::string> nodes;
};

/// An outcome reported by a node. A late one, of a superseded attempt, is refused and counted.
struct attempt_ended {
  std::string_view node_uuid;                // read during `apply` only, as the outcome
  attempt_outcome const* outcome = nullptr;  // read during `apply` only
};

/// The tenant's supervisor answers `consult_supervisor`. A repeat, or one for an older attempt, is
/// ignored.
struct supervisor_decided {
  attempt_ref ref;
  bool retry = false;
  std::int64_t delay_ms = 0;
};
/// The tenant's supervisor was restarted: what it was asked is asked again.
struct supervisor_restarted {
  std::string tenant_id;
};

/// Time has passed; sent at the latest when a `wake_at` asked for it.
struct clock_advanced {};

using event =
    std::variant<job_submitted, batch_submitted, job_restored, child_restored, usage_restored,
                 spending_restored, tenants_changed, restore_finished, recurrence_set,
                 recurrence_canceled, cancel_requested, node_registered, node_beat,
                 node_disconnected, node_left, node_order_restored, drain_ordered, resume_ordered,
                 attempt_ended, supervisor_decided, supervisor_restarted, clock_advanced>;

}  // namespace nsai::scheduling
