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

quota_book::bounds_list quota_book::bounds(entry const& e, holdings const& held, resources const& r,
                                           std::int64_t times) {
  auto const& q = e.quota;
  auto const in_milli = [](std::optional<milli> const& x) {
    return x ? std::optional{x->value} : std::nullopt;
  };
  return {{{"running", "running jobs", q.running, e.running, times},
           {"cpu", "cores", in_milli(q.cpu), held.cpu, times * r.cpu.value, true},
           {"memory_mb", "MiB of memory", q.memory_mb, held.memory_mb, times * r.memory_mb},
           {"gpus", "GPUs", in_milli(q.gpus), held.gpus, times * milli_gpus(r), true}}};
}

void quota_book::holdings::add(resources const& r, std::int64_t sign) {
  cpu += sign * r.cpu.value;
  memory_mb += sign * r.memory_mb;
  gpus += sign * milli_gpus(r);
}

quota_book::entry& quota_book::at(tenant_index tenant) {
  if (tenants_.size() <= tenant)
    tenants_.resize(tenant + 1);
  return tenants_[tenant];
}

void quota_book::set(tenant_index tenant, tenant_quota const& quota) {
  at(tenant).quota = quota;
  at(tenant).models.set(quota.gpus_by_model);
}

void quota_book::count(entry& e, demand_of const& d, std::int64_t sign) {
  e.running += sign;
  e.all.add(d.of, sign);
  if (!may_borrow(e, d))
    e.firm.add(d.of, sign);
}

void quota_book::count_devices(tenant_index tenant, demand_of const& d,
                               std::vector<device_grant> const& devices, std::int64_t sign) {
  auto& e = at(tenant);
  e.models.count(devices, !may_borrow(e, d), sign);
}

void quota_book::forget_devices() {
  for (auto& each : tenants_)
    each.models.forget();
}

std::map<std::string, milli> quota_book::held_by_model(tenant_index tenant) const {
  return tenant < tenants_.size() ? tenants_[tenant].models.held() : std::map<std::string, milli>{};
}

bool quota_book::holds_devices_as(quota_book const& other) const {
  return std::equal(tenants_.begin(), tenants_.end(), other.tenants_.begin(), other.tenants_.end(),
                    [](entry const& a, entry const& b) { return a.models == b.models; });
}

std::vector<std::string> quota_book::used_up(tenant_index tenant, demand_of const& d) const {
  if (!counts_models(tenant) || may_borrow(tenants_[tenant], d))
    return {};
  return tenants_[tenant].models.used_up(d.of, d.times);
}

bool quota_book::admits(tenant_index tenant, demand_of const& d) const {
  if (!is_limited(tenant))
    return true;
  auto const& e = tenants_[tenant];
  auto const all = bounds(e, e.firm, d.of, d.times);
  if (may_borrow(e, d))
    return all[0].has_room();
  return std::all_of(all.begin(), all.end(), [](auto const& each) { return each.has_room(); }) &&
         e.models.has_room(d.of, d.times);
}

bool quota_book::is_above(tenant_index tenant) const {
  if (!is_limited(tenant))
    return false;
  auto const& e = tenants_[tenant];
  auto const all = bounds(e, e.all, {});
  return std::any_of(all.begin() + 1, all.end(),
                     [](auto const& each) { return each.quota && each.held > *each.quota; }) ||
         e.models.is_above();
}

bool quota_book::is_within(tenant_index tenant, demand_of const& d) const {
  if (!is_limited(tenant))
    return false;
  auto const& e = tenants_[tenant];
  auto const all = bounds(e, e.all, d.of, d.times);
  return std::all_of(all.begin(), all.end(), [](auto const& each) { return each.has_room(); }) &&
         e.models.is_within(d.of, d.times) &&
         (std::any_of(all.begin() + 1, all.end(), [](auto const& each) { return each.quota; }) ||
          (d.of.gpu_count > 0 && !e.models.empty()));
}

std::string quota_book::reason(tenant_index tenant, demand_of const& d) const {
  if (admits(tenant, d))
    return {};
  auto const& e = tenants_[tenant];
  for (auto const& each : bounds(e, e.firm, d.of, d.times))
    if (!each.has_room())
      return each.text(each.held) + " of " + each.text(*each.quota) + " " + each.what +
             " are taken, this job needs " + each.text(each.needs);
  return e.models.reason(d.of, d.times);
}

std::string quota_book::models_reason(tenant_index tenant, demand_of const& d) const {
  return counts_models(tenant) ? tenants_[tenant].models.reason(d.of, d.times) : std::string{};
}

std::optional<quota_book::smaller> quota_book::never(tenant_index tenant,
                                                     demand_of const& d) const {
  if (!is_limited(tenant))
    return std::nullopt;
  auto const& e = tenants_[tenant];
  for (auto const& each : bounds(e, e.firm, d.of, d.times)) {
    if (each.is_smaller())
      return smaller{each.key, each.text(*each.quota)};
    if (may_borrow(e, d))
      return std::nullopt;  // but for the first, running jobs
  }
  if (auto const model = e.models.never(d.of, d.times))
    return smaller{"gpus_by_model." + model->first, json(model->second).dump()};
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
  return e.live == live && e.running == running && e.all.cpu == cpu &&
         e.all.memory_mb == memory_mb && e.all.gpus == milli_gpus;
}

}  // namespace nsai::scheduling
