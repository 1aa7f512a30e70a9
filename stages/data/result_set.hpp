#pragma once

#include <string>
#include <vector>

#include "stages/scifact.hpp"

namespace nsai::stages {

/// One result of many: a number, or a right or wrong answer (value 1 or 0).
struct single_result {
  std::string id;  // empty: none
  double value = 0;
  bool labelled = false;  // gold and predicted are there
  std::string gold;
  std::string predicted;
};

/// Reads an array of numbers, of {"id"?, "value"} or of {"id"?, "gold", "predicted"}. Throws
/// shape_error with paths below `at`.
std::vector<single_result> results_from(json const& given, std::string const& at);
json to_json(std::vector<single_result> const& results);

/// Of each claim its gold and its predicted verdict; see bench.hpp.
std::vector<single_result> verdict_results(dataset const& data);

struct paired_values {
  std::vector<double> first;
  std::vector<double> second;
};
/// By id where every result of both has one (results that only one of them has are left out), else
/// by position. Throws shape_error naming `at` when the lengths differ or nothing is in both.
paired_values pair_results(std::vector<single_result> const& first,
                           std::vector<single_result> const& second, std::string const& at);

}  // namespace nsai::stages
