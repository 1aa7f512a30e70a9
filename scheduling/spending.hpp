#pragma once

#include <optional>
#include <unordered_map>
#include <vector>

#include "scheduling/cost.hpp"
#include "scheduling/indices.hpp"

namespace nsai::scheduling {

/// What jobs and their tenants have spent. Only jobs that have run on a node with a price are in
/// it, so that nothing is kept or done where there are no prices.
class spending {
 public:
  /// A tenant's own; absent: none.
  void set_budget(tenant_index tenant, std::optional<micro> budget);
  /// What was spent when the scheduler ended.
  void restore(tenant_index tenant, micro spent);
  void restore(job_id job, micro spent);

  /// An attempt of the job runs at this rate; above 0.
  void start(job_id job, tenant_index tenant, cost_rate rate, timestamp now);
  /// It runs no more, and costs nothing but for what is paid before. When it was to be stopped for
  /// its cost; 0: never.
  timestamp stop(job_id job);
  /// The running attempt has run for so long. What it costs.
  micro pay(job_id job, std::int64_t ms, timestamp now);
  void forget(job_id job) { jobs_.erase(job); }
  /// When the running attempt is to be stopped for its cost.
  void set_end(job_id job, timestamp at) { jobs_.at(job).stops_at = at; }

  /// Of the running attempt; 0: it costs nothing, or none runs.
  cost_rate rate(job_id job) const;
  /// Of its ended attempts.
  micro paid(job_id job) const;
  /// The running one up to now included.
  micro spent(job_id job, timestamp now) const;
  micro paid(tenant_index tenant) const;
  micro spent(tenant_index tenant, timestamp now) const;
  /// It has spent its budget.
  bool is_at_budget(tenant_index tenant, timestamp now) const {
    return tenant < tenants_.size() && tenants_[tenant].budget &&
           spent(tenant, now) >= *tenants_[tenant].budget;
  }
  std::optional<micro> budget(tenant_index tenant) const {
    return tenant < tenants_.size() ? tenants_[tenant].budget : std::nullopt;
  }
  /// Aborts when the tenants' rates are not the sums of those of their jobs.
  void check() const;

 private:
  // Rates × points in time are beyond 64 bits.
  __extension__ using wide = __int128;
  struct job_account {
    micro paid;
    tenant_index tenant = none;  // while an attempt runs
    cost_rate rate = 0;
    timestamp since;
    timestamp stops_at;
  };
  struct tenant_account {
    std::optional<micro> budget;
    micro paid;
    // What runs has cost (rate × now - base) / 1 h up to now.
    cost_rate rate = 0;
    wide base = 0;
  };
  tenant_account& at(tenant_index tenant);

  std::unordered_map<job_id, job_account> jobs_;
  std::vector<tenant_account> tenants_;
};

}  // namespace nsai::scheduling
