#include "scheduling/fair_share.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "scheduling/assert.hpp"

namespace nsai::scheduling {
namespace {

constexpr double shortest_horizon_s = 60;

}  // namespace

fair_share::fair_share(std::int64_t half_life_ms)
    : decay_(std::log(2.0) / (static_cast<double>(half_life_ms) / 1000)) {
  NSAI_ASSERT(half_life_ms > 0);
}

void fair_share::advance(timestamp now) {
  if (!origin_)
    origin_ = now_ = now;
  if (now <= now_)
    return;
  now_ = now;
  set_scale();
  constexpr double large = 1e9;
  if (scale_ > large)
    rebase();
}

void fair_share::set_scale() {
  auto const exponent = decay_ * static_cast<double>(now_ - origin_) / 1000;
  scale_ = std::exp(exponent);
  grown_ = std::expm1(exponent) / decay_;
}

/// Before the numbers become too large to be told apart.
void fair_share::rebase() {
  auto const all = [&](account& a) {
    for (std::size_t i = 0; i < a.base.size(); ++i)
      a.base[i] = (a.base[i] + a.rate[i] * grown_) / scale_;
  };
  for (auto& tenant : tenants_) {
    all(tenant.of);
    for (auto& owner : tenant.owners)
      all(owner.of);
  }
  origin_ = now_;
  set_scale();
}

void fair_share::set_capacity(amounts const& all) {
  capacity_ = parts(all);
  for (tenant_index tenant = 0; tenant < tenants_.size(); ++tenant)
    parts_[tenant].held = dominant(tenants_[tenant].of.rate);
  ++entitlements_;
}

fair_share::tenant_account& fair_share::at(tenant_index tenant) {
  if (tenants_.size() <= tenant) {
    tenants_.resize(tenant + 1);
    parts_.resize(tenant + 1);
    above_.resize(tenant / 64 + 1);
    ++entitlements_;  // those of newcomers are not known yet
  }
  return tenants_[tenant];
}

fair_share::owner_account& fair_share::at(tenant_account& tenant, owner_index owner) {
  auto const found = std::lower_bound(tenant.owners.begin(), tenant.owners.end(), owner,
                                      [](auto const& a, owner_index o) { return a.owner < o; });
  if (found != tenant.owners.end() && found->owner == owner)
    return *found;
  return *tenant.owners.insert(found, owner_account{owner, {}});
}

void fair_share::set_weight(tenant_index tenant, double weight) {
  NSAI_ASSERT(weight > 0);
  auto& t = at(tenant);
  if (t.active > 0)
    active_weight_ += weight - t.weight;
  t.weight = weight;
  ++entitlements_;
}

void fair_share::join(tenant_account& tenant) {
  if (tenant.active++ > 0)
    return;
  active_weight_ += tenant.weight;
  ++entitlements_;
}

void fair_share::leave(tenant_account& tenant) {
  NSAI_ASSERT(tenant.active > 0);
  if (--tenant.active > 0)
    return;
  active_weight_ -= tenant.weight;
  ++entitlements_;
}

void fair_share::learn_above(std::size_t word) const {
  constexpr double rounding = 1e-9;
  auto& above = above_[word];
  above = {0, entitlements_};
  auto const end = std::min(tenants_.size(), 64 * (word + 1));
  for (auto tenant = 64 * word; tenant < end; ++tenant) {
    auto& p = parts_[tenant];
    bool const alone = tenants_[tenant].weight >= active_weight_ * (1 - rounding);
    p.above_from = alone ? std::numeric_limits<double>::infinity()
                         : entitled(static_cast<tenant_index>(tenant)) - rounding;
    above.bits |= std::uint64_t{p.held >= p.above_from} << (tenant % 64);
  }
}

/// What it holds has changed.
void fair_share::hold(tenant_index tenant) {
  auto& p = parts_[tenant];
  p.held = dominant(tenants_[tenant].of.rate);
  auto& above = above_[tenant / 64];
  auto const bit = std::uint64_t{1} << (tenant % 64);
  if (above.as_of == entitlements_)
    above.bits = p.held >= p.above_from ? above.bits | bit : above.bits & ~bit;
}

void fair_share::wait(tenant_index tenant) {
  join(at(tenant));
}

void fair_share::wait_no_more(tenant_index tenant) {
  leave(at(tenant));
}

void fair_share::note_duration(std::int64_t ms) {
  // A horizon of two usual attempts outweighs what their different lengths leave in the use.
  auto const twice = 2 * static_cast<double>(std::max<std::int64_t>(ms, 0)) / 1000;
  horizon_s_ = std::max(shortest_horizon_s, horizon_s_ + (twice - horizon_s_) / 64);
}

void fair_share::change(account& a, vector const& by, double sign) const {
  for (std::size_t i = 0; i < by.size(); ++i) {
    a.rate[i] += sign * by[i];
    a.base[i] -= sign * by[i] * grown_;
  }
}

void fair_share::start(tenant_index tenant, owner_index owner, amounts const& held) {
  auto& t = at(tenant);
  join(t);
  change(t.of, parts(held), 1);
  hold(tenant);
  change(at(t, owner).of, parts(held), 1);
}

void fair_share::stop(tenant_index tenant, owner_index owner, amounts const& held) {
  auto& t = at(tenant);
  leave(t);
  change(t.of, parts(held), -1);
  hold(tenant);
  change(at(t, owner).of, parts(held), -1);
}

double fair_share::dominant(vector const& of) const {
  double most = 0;
  for (std::size_t i = 0; i < of.size(); ++i)
    if (capacity_[i] > 0)
      most = std::max(most, of[i] / capacity_[i]);
  return most;
}

double fair_share::standing(account const& a) const {
  vector sum;
  for (std::size_t i = 0; i < sum.size(); ++i)
    sum[i] = a.base[i] + a.rate[i] * (grown_ + horizon_s_ * scale_);
  return dominant(sum);
}

double fair_share::standing(tenant_index tenant) const {
  return tenant < tenants_.size() ? standing(tenants_[tenant].of) / tenants_[tenant].weight : 0;
}

double fair_share::standing(tenant_index tenant, owner_index owner) const {
  if (tenant >= tenants_.size())
    return 0;
  auto const& owners = tenants_[tenant].owners;
  auto const found = std::lower_bound(owners.begin(), owners.end(), owner,
                                      [](auto const& a, owner_index o) { return a.owner < o; });
  return found != owners.end() && found->owner == owner ? standing(found->of) : 0;
}

amounts fair_share::holding(tenant_index tenant) const {
  if (tenant >= tenants_.size())
    return {};
  auto const& rate = tenants_[tenant].of.rate;
  return {rate[0], rate[1], rate[2]};
}

amounts fair_share::used(account const& a) const {
  vector sum;
  for (std::size_t i = 0; i < sum.size(); ++i)
    sum[i] = std::max(0.0, (a.base[i] + a.rate[i] * grown_) / scale_);
  return {sum[0], sum[1], sum[2]};
}

amounts fair_share::used(tenant_index tenant) const {
  return tenant < tenants_.size() ? used(tenants_[tenant].of) : amounts{};
}

std::vector<fair_share::usage> fair_share::all_usage() const {
  std::vector<usage> list;
  for (tenant_index tenant = 0; tenant < tenants_.size(); ++tenant)
    for (auto const& owner : tenants_[tenant].owners)
      list.push_back({tenant, owner.owner, used(owner.of)});
  return list;
}

void fair_share::restore(usage const& before) {
  auto& tenant = at(before.tenant);
  auto const add = [&](account& a) {
    auto const used = parts(before.used);
    for (std::size_t i = 0; i < used.size(); ++i)
      a.base[i] += used[i] * scale_;
  };
  add(tenant.of);
  add(at(tenant, before.owner).of);
}

}  // namespace nsai::scheduling
