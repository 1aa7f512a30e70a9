#include "scheduling/quota_book.hpp"

#include <algorithm>
#include <limits>

namespace nsai::scheduling {
namespace {

std::int64_t milli_gpus(resources const& r) {
  return r.gpu_count * r.gpu_share.value;
}

}  // namespace

/// One quota beside what is held of it and what a job needs.
struct quota_book::bound {
  char const* key;
  char const* what;
  std::optional<std::int64_t> quota;
  std::int64_t held;
  std::int64_t needs;
  bool in_milli = false;

  bool has_room() const { return !quota || needs == 0 || held + needs <= *quota; }
  bool is_smaller() const { return quota && needs > *quota; }
  std::string text(std::int64_t value) const {
    return in_milli ? json(milli{value}).dump() : std::to_string(value);
  }
};

std::array<quota_book::bound, 4> quota_book::bounds(entry const& e, resources const& r) {
  auto const& q = e.quota;
  auto const in_milli = [](std::optional<milli> const& x) {
    return x ? std::optional{x->value} : std::nullopt;
  };
  return {{{"running", "running jobs", q.running, e.running, 1},
           {"cpu", "cores", in_milli(q.cpu), e.cpu, r.cpu.value, true},
           {"memory_mb", "MiB of memory", q.memory_mb, e.memory_mb, r.memory_mb},
           {"gpus", "GPUs", in_milli(q.gpus), e.gpus, milli_gpus(r), true}}};
}

quota_book::entry& quota_book::at(tenant_index tenant) {
  if (tenants_.size() <= tenant)
    tenants_.resize(tenant + 1);
  return tenants_[tenant];
}

void quota_book::set(tenant_index tenant, tenant_quota const& quota) {
  at(tenant).quota = quota;
}

void quota_book::count(entry& e, resources const& r, std::int64_t sign) {
  e.running += sign;
  e.cpu += sign * r.cpu.value;
  e.memory_mb += sign * r.memory_mb;
  e.gpus += sign * milli_gpus(r);
}

bool quota_book::admits(tenant_index tenant, resources const& r) const {
  if (!is_limited(tenant))
    return true;
  auto const all = bounds(tenants_[tenant], r);
  return std::all_of(all.begin(), all.end(), [](auto const& each) { return each.has_room(); });
}

std::string quota_book::reason(tenant_index tenant, resources const& r) const {
  if (is_limited(tenant))
    for (auto const& each : bounds(tenants_[tenant], r))
      if (!each.has_room())
        return each.text(each.held) + " of " + each.text(*each.quota) + " " + each.what +
               " are taken, this job needs " + each.text(each.needs);
  return {};
}

std::optional<quota_book::smaller> quota_book::never(tenant_index tenant,
                                                     resources const& r) const {
  if (!is_limited(tenant))
    return std::nullopt;
  for (auto const& each : bounds(tenants_[tenant], r))
    if (each.is_smaller())
      return smaller{each.key, each.text(*each.quota)};
  return std::nullopt;
}

std::int64_t quota_book::room_to_wait(tenant_index tenant) const {
  if (!is_limited(tenant) || !tenants_[tenant].quota.queued)
    return std::numeric_limits<std::int64_t>::max();
  return std::max<std::int64_t>(0, *tenants_[tenant].quota.queued - waiting(tenant));
}

std::int64_t quota_book::running(tenant_index tenant) const {
  return tenant < tenants_.size() ? tenants_[tenant].running : 0;
}

std::int64_t quota_book::waiting(tenant_index tenant) const {
  return tenant < tenants_.size() ? tenants_[tenant].live - tenants_[tenant].running : 0;
}

bool quota_book::holds(tenant_index tenant, std::int64_t live, std::int64_t running,
                       std::int64_t cpu, std::int64_t memory_mb, std::int64_t milli_gpus) const {
  entry const none_yet;
  auto const& e = tenant < tenants_.size() ? tenants_[tenant] : none_yet;
  return e.live == live && e.running == running && e.cpu == cpu && e.memory_mb == memory_mb &&
         e.gpus == milli_gpus;
}

}  // namespace nsai::scheduling
