#pragma once

#include <map>
#include <memory>
#include <memory_resource>
#include <string>
#include <vector>

#include "messages/api.hpp"
#include "messages/explanation.hpp"
#include "messages/observe.hpp"
#include "messages/tenant.hpp"
#include "scheduling/effects.hpp"
#include "scheduling/events.hpp"
#include "scheduling/fair_share.hpp"
#include "scheduling/placement_policy.hpp"

namespace nsai::scheduling {

/// What an owner has used of the cluster, decayed to the present: amounts × seconds.
struct used_amounts {
  std::string tenant_id;
  std::string owner;
  amounts used;
};

struct core_settings {
  std::int64_t lease_ms = 5000;       // silence after which a node gets no new grants
  std::int64_t lost_after_ms = 5000;  // silence after which its attempts are granted again
  std::int64_t adopt_ms =
      60'000;  // how long unconfirmed attempts wait for their node after a restart
  std::int64_t stall_grace_ms =
      60'000;  // no node is declared lost for this long after a stall or a mass silence
  bool share_between_tenants = false;  // whether jobs of different tenants may share a GPU
  std::int64_t half_life_ms = 7LL * 24 * 60 * 60 * 1000;  // of use, for the fair share
  std::map<std::string, tenant_settings> tenants;         // `*`: all that are not named
  placement_policy placement = placement_policy::balanced;
  std::int64_t immune_ms = 10 * 60 * 1000;  // an attempt that may be preempted runs as long as this
  std::int32_t max_preemptions = 5;         // of a job; then it runs to its end
  bool judge_health = true;                 // whether places where jobs fail are kept from others
  std::uint64_t seed = 1;                   // of the policy `random`
  std::int64_t wake_every_ms = 1000;  // `wake_at` asks for at least this while there are nodes, so
                                      // that a stall is told from silence; 0: only when it is time
  std::pmr::memory_resource* large_tables =
      std::pmr::new_delete_resource();  // of jobs and of what waits; those of a copy: the heap
  job_id last_used;                     // the largest number ever given out
  std::vector<stage_description>
      known_stages;  // of the scheduler's own build: accepted before any node has come
};

/// A refusal of `job_submitted` or `cancel_requested`, or the numbers given.
using submit_answer = submit_result;

/// What the core knows of a live job beyond its record in the store.
struct live_job {
  job_status status = job_status::pending;
  attempt_no attempt = 0;
  std::string tenant_id;
  std::string node;  // name, while an attempt is granted
  std::vector<device_grant> devices;
  std::string wait_reason;    // in words; empty unless it waits
  std::optional<micro> cost;  // up to now; of a parent: not known here
};

/// What an attempt of a live job is started with, besides its payload. References are valid until
/// the next `apply`.
struct start_facts {
  std::string const& tenant_id;
  std::string const& stage;
  nsai::resources const& resources;
  nsai::constraints const& constraints;
  job_id parent;          // 0: none
  bool in_array = false;  // shares its parent's payload
  std::optional<std::int64_t> array_index;
  std::string const& step;  // what an experiment's child is called in it; empty: it is none
};

/// When an attempt that runs is over.
struct expected_end {
  attempt_ref ref;
  std::string node_uuid;
  timestamp since;
  timestamp at;  // by what it is expected to take, or else its timeout; 0: not known
};

/// The scheduling core: a value. Equal state, event and time give equal effects in equal order. It
/// reads no clock, draws no unseeded randomness and does no I/O. Finished jobs leave it at once;
/// the store has them.
class core {
 public:
  explicit core(core_settings settings = {});
  ~core();
  /// As much work as there are jobs.
  core(core const& other);
  core(core&&) noexcept;
  core& operator=(core&&) noexcept;

  /// Appends the effects of `e` at time `now` to `out`.
  void apply(event const& e, timestamp now, effects& out);

  /// The answer to the submission, cancel request or order for nodes that was applied last.
  submit_answer const& last_answer() const;
  /// The answers to the batch that was applied last, by position. When it was refused, each says
  /// why: those at fault their own reason, the others (code "batch_refused") which of them it was.
  std::vector<submit_answer> const& batch_answers() const;

  /// When this recurs next; 0: it is not known.
  timestamp next_recurrence(std::string const& tenant, std::string const& name) const;
  /// Whether the job has not ended yet.
  bool knows(job_id job) const;
  std::size_t live_jobs() const;
  /// Only for known jobs.
  live_job look_up(job_id job) const;
  job_status status_of(job_id job) const;
  std::string const& tenant_of(job_id job) const;
  /// Only for known jobs. When it starts is not filled in: `forecast_start` says that.
  explanation explain(job_id job) const;
  /// The live job that holds this idempotency key, and its children.
  std::optional<submit_result> find_key(std::string const& tenant, std::string const& key) const;
  /// The attempt is the current one of a live job (late outcomes are not).
  bool is_current(attempt_ref ref) const;
  /// Only for known jobs.
  start_facts facts(job_id job) const;
  /// Whether this session of the node is the one that is registered (a lost node has none).
  bool session_known(std::string const& uuid, std::uint64_t session) const;

  /// A copy for trying out what would happen. In it nobody is lost for being silent, and no place
  /// is judged by what fails there.
  core hypothetical() const;
  /// Of all attempts that run, by job.
  std::vector<expected_end> expected_ends() const;
  /// 0: not known.
  timestamp expected_end_of(attempt_ref ref) const;

  std::vector<node_record> nodes() const;
  /// Those that have used or asked for anything, by name.
  std::vector<tenant_record> tenants() const;
  std::vector<used_amounts> usage() const;
  /// The union of the stages that known nodes have, by name.
  std::vector<stage_description> stages() const;
  /// Fills in queues, running, nodes, live_jobs, refused_outcomes.
  void describe(stats& to) const;

  /// Aborts with a message when an invariant does not hold (P3 and the books of queues, nodes and
  /// parents).
  void check_invariants() const;

 private:
  struct state;
  std::unique_ptr<state> state_;
};

}  // namespace nsai::scheduling
