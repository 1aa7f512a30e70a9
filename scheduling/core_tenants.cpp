// What the scheduler's config allows tenants, beside shares and quotas.
#include "scheduling/core_state.hpp"
#include "scheduling/job_costs.hpp"
#include "scheduling/tenant_rules.hpp"

namespace nsai::scheduling {
namespace {

/// Thousandths as people write them: 1500 is 1.5.
std::string in_thousands(std::int64_t value) {
  return json(milli{value}).dump();
}

std::string in_words(tenant_rate const& r) {
  return std::to_string(r.jobs) + (r.jobs == 1 ? " job in " : " jobs in ") +
         in_thousands(r.per_ms) + " s, " + std::to_string(r.at_once()) + " at once";
}

}  // namespace

void core::state::handle(spending_restored const& e) {
  money.restore(tenant_of(e.tenant_id), e.spent);
}

/// What runs or was accepted stays, whatever is allowed from now on.
void core::state::handle(tenants_changed const& e) {
  settings.tenants = e.tenants;
  for (tenant_index i = 0; i < tenants.size(); ++i)
    use_settings(*this, i, settings_of(tenants[i]));
  use_tenants(*this);
  count_devices(*this, quotas);  // of models that have a quota now
  no_other_models.clear();
  ++room_epoch;  // whoever had no turn may have one
  next_reserving = now;
  queues.refresh();
}

/// Whether the tenant may submit at all now: it has budget left, and does not come too fast. What
/// is only a repeat of what lives may always come. `before` has those of the same batch.
std::optional<error_info> core::state::check_means(submission const& s,
                                                   found_before& before) const {
  auto const& given = settings_of(s.tenant_id);
  auto const& rate = given.submit_rate;
  if ((!rate && !given.budget_usd) || live_answer(s))
    return std::nullopt;
  if (auto fault = check_budget(*this, s.tenant_id); fault || !rate)
    return fault;
  auto const tenant = tenants.find(s.tenant_id);
  auto const all = before.made[s.tenant_id] += jobs_of(s);
  auto const wait_ms =
      (tenant == none ? token_bucket{rate} : submit_rates[tenant]).wait_ms(all, now);
  if (wait_ms == 0)
    return std::nullopt;
  auto const limit =
      in_words(*rate) + " (tenants." + s.tenant_id + ".submit_rate in the scheduler's config)";
  auto fault = wait_ms
                   ? usage_error("jobs", "tenant " + s.tenant_id + " submits faster than " + limit,
                                 "the same again in " + in_thousands(*wait_ms) + " s")
                   : usage_error("jobs",
                                 std::to_string(all) + " jobs at once are more than tenant " +
                                     s.tenant_id + " may ever submit: " + limit,
                                 "at most " + std::to_string(rate->at_once()));
  fault.category = "refused";
  fault.code = "rate_limited";
  fault.retryable = wait_ms.has_value();
  fault.retry_after_ms = wait_ms;
  return fault;
}

}  // namespace nsai::scheduling
