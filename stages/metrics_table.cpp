#include "stages/metrics_table.hpp"

#include <map>

namespace nsai::stages {
namespace {

void collect(json const& metrics, std::string const& path, std::vector<metric>& to) {
  for (auto const& [name, value] : metrics.items()) {
    auto const at = path.empty() ? name : path + "." + name;
    bool const describes =
        name == "targets" || name == "notes" || (name == "counts" && path != "data");
    if (value.is_object() && !describes)
      collect(value, at, to);
    else if (value.is_number())
      to.push_back({at, value.get<double>(), !value.is_number_float()});
    else if (value.is_null())
      to.push_back({at, std::nullopt, false});
  }
}

json as_json(metric const& m) {
  if (!m.value)
    return {};
  return m.is_count ? json(static_cast<std::int64_t>(*m.value)) : json(*m.value);
}

}  // namespace

std::vector<metric> metrics_of(json const& metrics) {
  std::vector<metric> all;
  if (metrics.is_object())
    collect(metrics, "", all);
  return all;
}

std::vector<metric_pair> compare_metrics(json const& a, json const& b) {
  std::map<std::string, metric_pair> all;
  for (auto const& m : metrics_of(a))
    all[m.name].a = as_json(m);
  for (auto const& m : metrics_of(b))
    all[m.name].b = as_json(m);
  std::vector<metric_pair> list;
  for (auto& [name, pair] : all) {
    pair.name = name;
    if (pair.a.is_number_integer() && pair.b.is_number_integer())
      pair.difference = pair.b.get<std::int64_t>() - pair.a.get<std::int64_t>();
    else if (pair.a.is_number() && pair.b.is_number())
      pair.difference = pair.b.get<double>() - pair.a.get<double>();
    list.push_back(std::move(pair));
  }
  return list;
}

}  // namespace nsai::stages
