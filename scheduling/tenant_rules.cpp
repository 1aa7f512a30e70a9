#include "scheduling/tenant_rules.hpp"

#include <algorithm>

#include "scheduling/outlook.hpp"

namespace nsai::scheduling {

void use_settings(core_books& b, tenant_index tenant, tenant_settings const& given) {
  b.shares.set_weight(tenant, static_cast<double>(given.weight.value) / 1000);
  b.quotas.set(tenant, given.quota);
  b.money.set_budget(tenant, given.budget_usd);
  if (tenant < b.submit_rates.size())
    b.submit_rates[tenant].change(given.submit_rate, b.now);
  else
    b.submit_rates.emplace_back(given.submit_rate);
}

void use_tenants(core_books& b) {
  auto const& all = b.settings.tenants;
  bool const limited = std::any_of(all.begin(), all.end(), [](auto const& each) {
    return each.second.quota.bounds_anything() || each.second.budget_usd;
  });
  if (!limited)
    b.queues.admit_by(nullptr);
  else
    b.queues.admit_by(
        [&b](tenant_index tenant, shape_index shape) { return may_have_turn(b, tenant, shape); });
}

namespace {

bool is_admitted(core_books const& b, tenant_index tenant, shape const& s) {
  return b.quotas.admits(tenant, s.key.demand_of_all()) && !b.money.is_at_budget(tenant, b.now);
}

}  // namespace

bool may_have_turn(core_books const& b, tenant_index tenant, shape_index shape) {
  return is_admitted(b, tenant, b.shapes[shape]) &&
         (b.no_other_models.empty() || !b.no_other_models.contains({tenant, shape}));
}

bool may_have_any_room(core_books const& b, job const& j) {
  auto const& s = b.shapes[j.shape];
  return is_admitted(b, j.tenant, s) && models_used_up(b, j.tenant, s).empty();
}

std::vector<std::string> models_used_up(core_books const& b, tenant_index tenant, shape const& s) {
  if (!s.wants_gpu() || !b.quotas.counts_models(tenant))
    return {};
  return b.quotas.used_up(tenant, s.key.demand_of_all());
}

std::optional<place> find_without(core_books& b, shape& s, std::vector<std::string> const& models) {
  std::optional<place> found;
  b.nodes.for_each([&](node_index index, node_state& node) {
    if (found || !b.places.is_free_for_all(s, node))
      return;
    std::vector<std::uint32_t> withheld;
    for (std::uint32_t i = 0; i < node.devices.size(); ++i)
      if (std::any_of(models.begin(), models.end(), [&](auto const& model) {
            return gpu_model_matches(model, node.devices[i].info().model);
          }))
        withheld.push_back(i);
    outlook others{node};
    others.withhold(withheld);
    found = b.places.find_on(s, index, others.room());
  });
  return found;
}

std::vector<device_grant> devices_held(core_books const& b, job const& j) {
  if (j.unconfirmed)
    return b.rares.at(j.id).place->devices;
  return j.node == none ? std::vector<device_grant>{}
                        : std::as_const(b.nodes)[j.node].devices_of({j.id, j.attempt});
}

void count_devices(core_books& b, job const& j, std::int64_t sign) {
  if (b.quotas.counts_models(j.tenant) && b.shapes[j.shape].wants_gpu())
    b.quotas.count_devices(j.tenant, b.shapes[j.shape].key.demand(), devices_held(b, j), sign);
}

void count_devices(core_books const& b, quota_book& to) {
  to.forget_devices();
  b.jobs.for_each([&](job const& j) {
    if (!j.composite && j.status == job_status::running && to.counts_models(j.tenant))
      to.count_devices(j.tenant, b.shapes[j.shape].key.demand(), devices_held(b, j), 1);
  });
}

}  // namespace nsai::scheduling
