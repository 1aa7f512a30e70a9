#include "scheduling/model_quotas.hpp"

#include <algorithm>

namespace nsai::scheduling {
namespace {

std::int64_t needs(resources const& r, std::int64_t times = 1) {
  return times * r.gpu_count * r.gpu_share.value;
}

/// Whether a device that the request may get can be one of the pattern.
bool may_touch(std::string const& pattern, resources const& r) {
  auto const models = models_in(r.gpu);
  return r.gpu_count > 0 &&
         (models.empty() || std::any_of(models.begin(), models.end(), [&](auto const& model) {
            return gpu_model_matches(pattern, model) || gpu_model_matches(model, pattern);
          }));
}

}  // namespace

void model_quotas::set(std::map<std::string, milli> const& quotas) {
  all_.clear();
  for (auto const& [pattern, quota] : quotas)
    all_.push_back({pattern, quota.value});
}

void model_quotas::count(std::vector<device_grant> const& devices, bool firm, std::int64_t sign) {
  for (auto& each : all_)
    for (auto const& device : devices)
      if (gpu_model_matches(each.pattern, device.model)) {
        each.held += sign * device.share_milli;
        each.firm += firm ? sign * device.share_milli : 0;
      }
}

void model_quotas::forget() {
  for (auto& each : all_)
    each.held = each.firm = 0;
}

std::map<std::string, milli> model_quotas::held() const {
  std::map<std::string, milli> list;
  for (auto const& each : all_)
    list[each.pattern] = milli{each.held};
  return list;
}

std::vector<std::string> model_quotas::used_up(resources const& r, std::int64_t times) const {
  std::vector<std::string> list;
  for (auto const& each : all_)
    if (each.firm + needs(r, times) > each.quota && may_touch(each.pattern, r))
      list.push_back(each.pattern);
  return list;
}

template <class Bad>
std::vector<model_quotas::entry const*> model_quotas::in_the_way(resources const& r,
                                                                 Bad bad) const {
  std::vector<entry const*> found;
  if (r.gpu_count == 0 || all_.empty())
    return found;
  for (auto const& model : models_in(r.gpu)) {
    auto const at = std::find_if(all_.begin(), all_.end(), [&](auto const& each) {
      return bad(each) && gpu_model_matches(each.pattern, model);
    });
    if (at == all_.end())
      return {};
    found.push_back(&*at);
  }
  return found;
}

bool model_quotas::has_room(resources const& r, std::int64_t times) const {
  return in_the_way(r, [&](entry const& e) { return e.firm + needs(r, times) > e.quota; }).empty();
}

std::string model_quotas::reason(resources const& r, std::int64_t times) const {
  std::string text;
  for (auto const& each : all_)
    if (each.firm + needs(r, times) > each.quota && may_touch(each.pattern, r))
      text += (text.empty() ? "" : ", ") + json(milli{each.firm}).dump() + " of " +
              json(milli{each.quota}).dump() + " GPUs of " + each.pattern + " are taken";
  return text.empty() ? text : text + ", this job needs " + json(milli{needs(r, times)}).dump();
}

std::optional<std::pair<std::string, milli>> model_quotas::never(resources const& r,
                                                                 std::int64_t times) const {
  auto const found = in_the_way(r, [&](entry const& e) { return needs(r, times) > e.quota; });
  if (found.empty())
    return std::nullopt;
  return std::pair{found.front()->pattern, milli{found.front()->quota}};
}

bool model_quotas::is_above() const {
  return std::any_of(all_.begin(), all_.end(),
                     [](auto const& each) { return each.held > each.quota; });
}

bool model_quotas::is_within(resources const& r, std::int64_t times) const {
  return std::none_of(all_.begin(), all_.end(), [&](auto const& each) {
    return each.held + needs(r, times) > each.quota && may_touch(each.pattern, r);
  });
}

}  // namespace nsai::scheduling
