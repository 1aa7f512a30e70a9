#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "messages/resources.hpp"
#include "messages/tenant.hpp"
#include "scheduling/indices.hpp"

namespace nsai::scheduling {

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
  void start(tenant_index tenant, resources const& r) { count(at(tenant), r, 1); }
  void stop(tenant_index tenant, resources const& r) { count(at(tenant), r, -1); }

  /// Whether the tenant may be granted these now.
  bool admits(tenant_index tenant, resources const& r) const;
  /// What keeps it from that, in words: "2 of 4 GPUs are held, this job needs 4".
  std::string reason(tenant_index tenant, resources const& r) const;
  /// The quota that is smaller than what one job asks for, if any: its key and its value.
  struct smaller {
    std::string key;
    std::string value;
  };
  std::optional<smaller> never(tenant_index tenant, resources const& r) const;
  /// How many more jobs may wait.
  std::int64_t room_to_wait(tenant_index tenant) const;

  std::int64_t running(tenant_index tenant) const;
  std::int64_t waiting(tenant_index tenant) const;
  /// Compares with counts made elsewhere.
  bool holds(tenant_index tenant, std::int64_t live, std::int64_t running, std::int64_t cpu,
             std::int64_t memory_mb, std::int64_t milli_gpus) const;

 private:
  struct entry {
    tenant_quota quota;
    std::int64_t live = 0;
    std::int64_t running = 0;
    std::int64_t cpu = 0;  // milli
    std::int64_t memory_mb = 0;
    std::int64_t gpus = 0;  // milli
  };
  struct bound;
  static std::array<bound, 4> bounds(entry const& e, resources const& r);
  static void count(entry& e, resources const& r, std::int64_t sign);
  entry& at(tenant_index tenant);

  std::vector<entry> tenants_;
};

}  // namespace nsai::scheduling
