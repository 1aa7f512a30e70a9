#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "messages/resources.hpp"
#include "messages/tenant.hpp"
#include "scheduling/indices.hpp"
#include "scheduling/model_quotas.hpp"

namespace nsai::scheduling {

/// What one job asks for, as far as quotas care.
struct demand_of {
  resources const& of;
  bool preemptible = false;
  std::int32_t times = 1;  // so many members at once, each with these
};

/// What tenants hold against their quotas. A quota bounds what is granted and what may wait; it
/// takes nothing away from what runs when it was made smaller.
class quota_book {
 public:
  void set(tenant_index tenant, tenant_quota const& quota);
  /// Whether any quota is set: for others every question below is answered with yes.
  bool is_limited(tenant_index tenant) const {
    return tenant < tenants_.size() && tenants_[tenant].quota.bounds_anything();
  }

  /// A job of the tenant lives; one less.
  void join(tenant_index tenant) { ++at(tenant).live; }
  void leave(tenant_index tenant) { --at(tenant).live; }
  /// An attempt of a live job holds these; no more.
  void start(tenant_index tenant, demand_of const& d) { count(at(tenant), d, 1); }
  void stop(tenant_index tenant, demand_of const& d) { count(at(tenant), d, -1); }

  /// Whether some quota of the tenant's is of a model of GPUs: then the devices of its attempts are
  /// counted, too (sign 1: held, -1: no more).
  bool counts_models(tenant_index tenant) const {
    return tenant < tenants_.size() && !tenants_[tenant].models.empty();
  }
  void count_devices(tenant_index tenant, demand_of const& d,
                     std::vector<device_grant> const& devices, std::int64_t sign);
  void forget_devices();
  std::map<std::string, milli> held_by_model(tenant_index tenant) const;
  bool holds_devices_as(quota_book const& other) const;

  /// Whether the tenant may be granted these now. What jobs that may be preempted hold does not
  /// count, and they may hold more than the quota.
  bool admits(tenant_index tenant, demand_of const& d) const;
  /// The models (patterns) that these may not be granted now, although others may be.
  std::vector<std::string> used_up(tenant_index tenant, demand_of const& d) const;
  /// All that the tenant holds is more than its quota: it has borrowed.
  bool is_above(tenant_index tenant) const;
  /// With these, too, all that it holds is within its quota. Without a quota on cpu, memory or GPUs
  /// there is nothing to be within.
  bool is_within(tenant_index tenant, demand_of const& d) const;
  /// What keeps it from a grant, in words: "2 of 4 GPUs are held, this job needs 4".
  std::string reason(tenant_index tenant, demand_of const& d) const;
  /// The same of the models in `used_up`.
  std::string models_reason(tenant_index tenant, demand_of const& d) const;
  /// The quota that is smaller than what one job asks for, if any: its key and its value.
  struct smaller {
    std::string key;
    std::string value;
  };
  std::optional<smaller> never(tenant_index tenant, demand_of const& d) const;
  /// How many more jobs may wait.
  std::int64_t room_to_wait(tenant_index tenant) const;

  std::int64_t running(tenant_index tenant) const;
  std::int64_t waiting(tenant_index tenant) const;
  /// Compares with counts made elsewhere.
  bool holds(tenant_index tenant, std::int64_t live, std::int64_t running, std::int64_t cpu,
             std::int64_t memory_mb, std::int64_t milli_gpus) const;

 private:
  struct holdings {
    std::int64_t cpu = 0;  // milli
    std::int64_t memory_mb = 0;
    std::int64_t gpus = 0;  // milli
    void add(resources const& r, std::int64_t sign);
  };
  struct entry {
    tenant_quota quota;
    std::int64_t live = 0;
    std::int64_t running = 0;
    holdings all;
    holdings firm;  // of jobs that may not be preempted
    model_quotas models;
  };
  struct bound;
  using bounds_list = std::array<bound, 4>;  // the first: running jobs
  static bounds_list bounds(entry const& e, holdings const& held, resources const& r,
                            std::int64_t times = 1);
  static bool may_borrow(entry const& e, demand_of const& d) {
    return d.preemptible && e.quota.borrow;
  }
  static void count(entry& e, demand_of const& d, std::int64_t sign);
  entry& at(tenant_index tenant);

  std::vector<entry> tenants_;
};

}  // namespace nsai::scheduling
