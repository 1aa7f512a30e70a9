#include "messages/tenant.hpp"

namespace nsai {

namespace {

void check_rate(tenant_rate const& r, std::string const& path, std::vector<error_info>& list) {
  constexpr std::int64_t day_ms = 24 * 60 * 60 * 1000;
  constexpr std::int64_t most = 1'000'000'000;
  auto const want = [&](char const* key, std::int64_t value, std::int64_t highest) {
    if (value < 1 || value > highest)
      list.push_back(usage_error(path + key, std::to_string(value) + " is not allowed",
                                 "1 to " + std::to_string(highest)));
  };
  want(".jobs", r.jobs, most);
  want(".per_ms", r.per_ms, day_ms);
  if (r.burst)
    want(".burst", *r.burst, most);
}

}  // namespace

std::vector<error_info> check(std::map<std::string, tenant_settings> const& tenants) {
  constexpr std::int64_t most_weight = 1'000'000;
  constexpr std::int64_t most = 1LL << 40;
  std::vector<error_info> list;
  for (auto const& [name, tenant] : tenants) {
    auto const path = "tenants." + name.substr(0, 80);
    if (name != "*" && !is_name(name))
      list.push_back(usage_error(path, "this is not the name of a tenant",
                                 "1 to 64 of A-Z a-z 0-9 . _ -, beginning with a letter or a "
                                 "digit; or * for all others"));
    auto const& q = tenant.quota;
    for (auto const& [key, value] :
         {std::pair{"running", q.running}, {"queued", q.queued}, {"memory_mb", q.memory_mb}})
      if (value && (*value < 0 || *value > most))
        list.push_back(usage_error(path + ".quota." + key,
                                   std::to_string(*value) + " is not allowed",
                                   "0 to " + std::to_string(most)));
    for (auto const& [model, value] : q.gpus_by_model) {
      auto const at = path + ".quota.gpus_by_model." + model.substr(0, 80);
      if (models_in(model).empty())
        list.push_back(usage_error(at, "this is not a model", "a name such as A100"));
      if (value.value < 0)
        list.push_back(usage_error(at, json(value).dump() + " is not allowed", "0 or more"));
    }
    for (auto const& [key, value] : {std::pair{"cpu", q.cpu}, {"gpus", q.gpus}})
      if (value && value->value < 0)
        list.push_back(usage_error(path + ".quota." + key, json(*value).dump() + " is not allowed",
                                   "0 or more"));
    if (tenant.budget_usd && (tenant.budget_usd->value <= 0 || tenant.budget_usd->value > most))
      list.push_back(usage_error(path + ".budget_usd",
                                 json(*tenant.budget_usd).dump() + " is not allowed",
                                 "above 0 and at most " + json(micro{most}).dump()));
    if (tenant.submit_rate)
      check_rate(*tenant.submit_rate, path + ".submit_rate", list);
    if (tenant.weight.value <= 0 || tenant.weight.value > most_weight * 1000)
      list.push_back(usage_error(path + ".weight", json(tenant.weight).dump() + " is not allowed",
                                 "above 0 and at most " + std::to_string(most_weight)));
  }
  return list;
}

}  // namespace nsai
