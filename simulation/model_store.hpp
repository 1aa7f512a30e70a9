#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "scheduling/core.hpp"
#include "simulation/promise.hpp"

namespace nsai::simulation {

/// What a node reports of an attempt. A failed one ended with an exit status.
attempt_outcome outcome_of(attempt_ref ref, attempt_result result, std::int64_t duration_ms);

/// What a store would know from the durable effects alone, and what it gives back after a restart.
/// Every change is held against the promises: a job ends once, attempts ascend, outcomes are
/// accepted once, retries are counted exactly. A copy is a snapshot.
class model_store {
 public:
  struct row {
    scheduling::job_restored facts;
    std::uint64_t children = 0;
    std::int64_t durable_ends = 0;
    std::int32_t own_outcomes = 0;  // accepted outcomes that were the job's own failures
    attempt_no accepted = 0;        // the latest attempt whose outcome was accepted
    bool was_handed_back = false;   // the last attempt, which was closed
    std::optional<error_info> error;
  };

  /// `submitted` is the submission being applied (the first of a batch), `outcome` the outcome, if
  /// any.
  void record(scheduling::effects const& list, timestamp now, submission const* submitted,
              attempt_outcome const* outcome);

  /// A core as the scheduler would build it at this moment.
  scheduling::core restore(scheduling::core_settings settings, timestamp now,
                           scheduling::effects& out) const;

  std::map<job_id, row> const& rows() const { return rows_; }
  row const& at(job_id id) const { return rows_.at(id); }
  std::map<std::string, node_order> const& orders() const { return orders_; }
  /// That tenants have spent what their jobs have cost.
  void check_spent() const;
  /// The job that holds an idempotency key, also when it has ended; 0: none.
  job_id find_key(std::string const& tenant, std::string const& key) const;

 private:
  void create(scheduling::job_created const& e, timestamp now, submission const& s);
  void change(scheduling::job_changed const& e);
  void change(node_order const& order);
  void spend(scheduling::tenant_spent const& e);
  void grant(scheduling::attempt_granted const& e, timestamp now);
  void close(scheduling::attempt_closed const& e);
  void settle(scheduling::outcome_settled const& e, attempt_outcome const* outcome);
  void end(scheduling::job_ended const& e);
  row& live(job_id id);
  bool is_member(row const& r) const;

  std::map<job_id, row> rows_;
  std::map<std::string, node_order> orders_;
  std::map<std::string, micro> spent_;  // by tenant
  std::map<std::pair<std::string, std::string>, job_id> keys_;
};

/// What a job may have of its own failures: an array's children share their parent's constraints.
std::int32_t allowed_failures(model_store const& store, model_store::row const& row);

}  // namespace nsai::simulation
