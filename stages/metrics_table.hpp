#pragma once

#include <optional>
#include <string>
#include <vector>

#include "messages/values.hpp"

namespace nsai::stages {

/// One number of a context's metrics, by its path: "proposer.labels.sentence_label.f1".
struct metric {
  std::string name;
  std::optional<double> value;  // nothing: it was not enabled or could not be computed
  bool is_count = false;        // a whole number
};

/// The numbers of nested metrics in the order of their names. What describes them (targets, notes,
/// counts but those of the data) is left out, and so are arrays and texts.
std::vector<metric> metrics_of(json const& metrics);

/// One metric of two runs.
struct metric_pair {
  static constexpr char const* type_name = "metric_pair";
  std::string name;
  json a;           // a number or null
  json b;           // likewise
  json difference;  // b - a; null where one of them is

  static constexpr auto fields() {
    return std::tuple{field{"name", &metric_pair::name}, field{"a", &metric_pair::a},
                      field{"b", &metric_pair::b}, field{"difference", &metric_pair::difference}};
  }
};

/// Every metric that one of them has, in the order of their names.
std::vector<metric_pair> compare_metrics(json const& a, json const& b);

}  // namespace nsai::stages
