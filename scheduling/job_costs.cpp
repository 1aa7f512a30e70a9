#include "scheduling/job_costs.hpp"

#include <algorithm>

#include "scheduling/effects.hpp"

namespace nsai::scheduling {
namespace {

std::string usd(micro x) {
  return json(x).dump() + " USD";
}

/// Adds up what `of` says of the job, or of a gang's members.
template <class Of>
std::int64_t sum(core_queries const& b, job const& j, Of of) {
  if (b.gang_of(j) == nullptr)
    return of(j.id);
  std::int64_t all = 0;
  for (std::uint64_t i = 1; i <= b.parents.at(j.id).children; ++i)
    all += of(job_id{j.id.value + i});
  return all;
}

micro paid(core_queries const& b, job const& j) {
  return {sum(b, j, [&](job_id id) { return b.money.paid(id).value; })};
}

}  // namespace

void start_cost(core_queries& b, job const& j, cost_rate rate) {
  if (rate <= 0)
    return;
  b.money.start(j.id, j.tenant, rate, j.since);
  if (b.is_member(j))
    return;
  auto const& most = b.terms[j.terms].max_cost_usd;
  if (!most)
    return;
  auto const at = j.since + time_for({most->value - b.money.paid(j.id).value}, rate);
  b.clock.add({at, j.id, timer_kind::max_cost});
  b.money.set_end(j.id, at);
}

void pay_attempt(core_books& b, job const& j, std::int64_t ms) {
  if (b.money.pay(j.id, ms, b.now).value > 0)
    b.out->emplace_back(tenant_spent{b.tenants[j.tenant], b.money.paid(j.tenant)});
}

void stop_cost(core_books& b, job const& j) {
  if (auto const at = b.money.stop(j.id))
    b.clock.remove({at, j.id, timer_kind::max_cost});
}

micro cost_up_to_now(core_queries const& b, job const& j) {
  return {sum(b, j, [&](job_id id) { return b.money.spent(id, b.now).value; })};
}

std::optional<std::int64_t> time_to_max_cost(core_queries const& b, job const& gang) {
  auto const& most = b.terms[gang.terms].max_cost_usd;
  auto const rate = most ? sum(b, gang, [&](job_id id) { return b.money.rate(id); }) : 0;
  if (rate <= 0)
    return std::nullopt;
  auto const left = most->value - cost_up_to_now(b, gang).value;
  return time_for({std::max<std::int64_t>(0, left)}, rate);
}

void watch_cost(core_queries& b, job const& gang) {
  auto const left_ms = time_to_max_cost(b, gang);
  if (!left_ms)
    return;
  auto const at = b.now + *left_ms;
  b.parents.at(gang.id).gang->stops_at = at;
  b.clock.add({at, gang.id, timer_kind::max_cost});
}

void watch_cost_no_more(core_queries& b, job const& gang) {
  if (auto const at = std::exchange(b.parents.at(gang.id).gang->stops_at, {}))
    b.clock.remove({at, gang.id, timer_kind::max_cost});
}

error_info max_cost_error(core_queries const& b, job const& j) {
  auto error =
      error_of("budget", "max_cost",
               "constraints.max_cost_usd: the job has cost " + usd(paid(b, j)) + ", and may cost " +
                   usd(b.terms[j.terms].max_cost_usd.value_or(micro{})));
  error.field = "constraints.max_cost_usd";
  return error;
}

std::optional<error_info> over_max_cost(core_queries const& b, job const& j) {
  auto const& most = b.terms[j.terms].max_cost_usd;
  if (!most || paid(b, j) < *most)
    return std::nullopt;
  return max_cost_error(b, j);
}

std::string budget_reason(core_books const& b, tenant_index tenant) {
  if (!b.money.is_at_budget(tenant, b.now))
    return {};
  return usd(b.money.spent(tenant, b.now)) + " of " + usd(*b.money.budget(tenant)) + " are spent";
}

std::optional<error_info> check_budget(core_books const& b, std::string const& tenant) {
  auto const index = b.tenants.find(tenant);
  auto const reason = index == none ? std::string{} : budget_reason(b, index);
  if (reason.empty())
    return std::nullopt;
  auto fault = usage_error("tenant_id",
                           "of the budget of tenant " + tenant + " (tenants." + tenant +
                               ".budget_usd in the scheduler's config) " + reason,
                           "a tenant with budget left");
  fault.category = "refused";
  fault.code = "budget";
  return fault;
}

}  // namespace nsai::scheduling
