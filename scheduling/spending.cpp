#include "scheduling/spending.hpp"

#include <algorithm>

#include "scheduling/assert.hpp"

namespace nsai::scheduling {

spending::tenant_account& spending::at(tenant_index tenant) {
  if (tenants_.size() <= tenant)
    tenants_.resize(tenant + 1);
  return tenants_[tenant];
}

void spending::set_budget(tenant_index tenant, std::optional<micro> budget) {
  at(tenant).budget = budget;
}

void spending::restore(tenant_index tenant, micro spent) {
  at(tenant).paid = spent;
}

void spending::restore(job_id job, micro spent) {
  jobs_[job].paid = spent;
}

void spending::start(job_id job, tenant_index tenant, cost_rate rate, timestamp now) {
  auto& j = jobs_[job];
  NSAI_ASSERT(j.rate == 0 && rate > 0);
  j.tenant = tenant;
  j.rate = rate;
  j.since = now;
  auto& t = at(tenant);
  t.rate += rate;
  t.base += wide{rate} * now.ms;
}

timestamp spending::stop(job_id job) {
  auto const found = jobs_.find(job);
  if (found == jobs_.end() || found->second.rate == 0)
    return {};
  auto& j = found->second;
  auto& t = at(j.tenant);
  t.rate -= j.rate;
  t.base -= wide{j.rate} * j.since.ms;
  auto const stops_at = j.stops_at;
  j = {j.paid, none, 0, {}, {}};
  if (j.paid.value == 0)
    jobs_.erase(found);
  return stops_at;
}

micro spending::pay(job_id job, std::int64_t ms, timestamp now) {
  auto const found = jobs_.find(job);
  if (found == jobs_.end() || found->second.rate == 0)
    return {};
  auto& j = found->second;
  auto const cost = cost_of(j.rate, std::min(ms, now - j.since));
  j.paid.value += cost.value;
  at(j.tenant).paid.value += cost.value;
  return cost;
}

cost_rate spending::rate(job_id job) const {
  auto const found = jobs_.find(job);
  return found == jobs_.end() ? 0 : found->second.rate;
}

micro spending::paid(job_id job) const {
  if (jobs_.empty())
    return {};
  auto const found = jobs_.find(job);
  return found == jobs_.end() ? micro{} : found->second.paid;
}

micro spending::spent(job_id job, timestamp now) const {
  auto const found = jobs_.find(job);
  if (found == jobs_.end())
    return {};
  auto const& j = found->second;
  return {j.paid.value + cost_of(j.rate, now - j.since).value};
}

micro spending::paid(tenant_index tenant) const {
  return tenant < tenants_.size() ? tenants_[tenant].paid : micro{};
}

micro spending::spent(tenant_index tenant, timestamp now) const {
  if (tenant >= tenants_.size())
    return {};
  constexpr std::int64_t hour_ms = 60 * 60 * 1000;
  auto const& t = tenants_[tenant];
  auto const running = (wide{t.rate} * now.ms - t.base) / hour_ms;
  return {t.paid.value + static_cast<std::int64_t>(running)};
}

void spending::check() const {
  std::vector<cost_rate> rates(tenants_.size());
  for (auto const& [job, j] : jobs_) {
    NSAI_ASSERT(j.rate > 0 || (j.paid.value > 0 && !j.stops_at));
    if (j.rate > 0)
      rates[j.tenant] += j.rate;
  }
  for (std::size_t i = 0; i < rates.size(); ++i)
    NSAI_ASSERT(rates[i] == tenants_[i].rate && (rates[i] > 0 || tenants_[i].base == 0));
}

}  // namespace nsai::scheduling
