#include "stages/data/result_set.hpp"

#include <algorithm>
#include <cmath>
#include <map>

namespace nsai::stages {
namespace {

std::string label_text(json const& value) {
  return value.is_string() ? value.get<std::string>() : value.dump();
}

single_result result_from(json const& given, std::string const& at) {
  single_result r;
  if (given.is_number()) {
    r.value = given.get<double>();
    return r;
  }
  if (!given.is_object())
    throw shape_error(at, describe_json(given) + " is not allowed",
                      "a number, {\"value\"} or {\"gold\", \"predicted\"}");
  if (given.contains("id"))
    try {
      r.id = id_of(given.at("id"));
    } catch (shape_error const& e) {
      throw e.inside(at);
    }
  if (given.contains("gold") && given.contains("predicted")) {
    r.labelled = true;
    r.gold = label_text(given.at("gold"));
    r.predicted = label_text(given.at("predicted"));
    r.value = r.gold == r.predicted ? 1 : 0;
  } else if (given.contains("value") && given.at("value").is_number()) {
    r.value = given.at("value").get<double>();
  } else {
    throw shape_error(at, describe_json(given) + " is not allowed",
                      "{\"value\": a number} or {\"gold\", \"predicted\"}");
  }
  return r;
}

std::string name_of(verdict v) {
  return enum_names(v).at(static_cast<std::size_t>(v));
}

verdict gold_verdict(gold_claim const& claim) {
  for (auto const& [document, rationales] : claim.evidence)
    if (!rationales.empty())
      return rationales.front().label;
  return verdict::nei;
}

verdict predicted_verdict(prediction const& p) {
  int balance = 0;  // documents that support less those that contradict
  verdict first = verdict::nei;
  for (auto const& [document, predicted] : p.evidence) {
    if (predicted.label == verdict::nei)
      continue;
    balance += predicted.label == verdict::support ? 1 : -1;
    if (first == verdict::nei)
      first = predicted.label;
  }
  if (balance == 0)
    return first;
  return balance > 0 ? verdict::support : verdict::contradict;
}

}  // namespace

std::vector<single_result> results_from(json const& given, std::string const& at) {
  if (!given.is_array())
    throw shape_error(at, describe_json(given) + " is not allowed", "an array of results");
  std::vector<single_result> results;
  for (std::size_t i = 0; i < given.size(); ++i)
    results.push_back(result_from(given[i], at + "[" + std::to_string(i) + "]"));
  return results;
}

json to_json(std::vector<single_result> const& results) {
  auto list = json::array();
  for (auto const& each : results) {
    json one{{"value", each.value}};
    if (!each.id.empty())
      one["id"] = each.id;
    if (each.labelled) {
      one["gold"] = each.gold;
      one["predicted"] = each.predicted;
    }
    list.push_back(std::move(one));
  }
  return list;
}

std::vector<single_result> verdict_results(dataset const& data) {
  std::map<std::string, prediction const*> by_claim;
  for (auto const& p : data.predictions)
    by_claim.try_emplace(p.id, &p);
  std::vector<single_result> results;
  for (auto const& claim : data.claims) {
    auto const found = by_claim.find(claim.id);
    single_result r;
    r.id = claim.id;
    r.labelled = true;
    r.gold = name_of(gold_verdict(claim));
    r.predicted =
        name_of(found == by_claim.end() ? verdict::nei : predicted_verdict(*found->second));
    r.value = r.gold == r.predicted ? 1 : 0;
    results.push_back(std::move(r));
  }
  return results;
}

paired_values pair_results(std::vector<single_result> const& first,
                           std::vector<single_result> const& second, std::string const& at) {
  auto const has_id = [](single_result const& r) { return !r.id.empty(); };
  paired_values pairs;
  if (std::all_of(first.begin(), first.end(), has_id) &&
      std::all_of(second.begin(), second.end(), has_id)) {
    std::map<std::string, double> other;
    for (auto const& each : second)
      other.try_emplace(each.id, each.value);
    for (auto const& each : first)
      if (auto const found = other.find(each.id); found != other.end()) {
        pairs.first.push_back(each.value);
        pairs.second.push_back(found->second);
      }
    if (pairs.first.empty())
      throw shape_error(at, "no result has an id that is among those it is compared with",
                        "results of the same items");
    return pairs;
  }
  if (first.size() != second.size() || first.empty())
    throw shape_error(at, std::to_string(second.size()) + " results without ids",
                      std::to_string(first.size()) + ", one for each that it is compared with");
  for (std::size_t i = 0; i < first.size(); ++i) {
    pairs.first.push_back(first[i].value);
    pairs.second.push_back(second[i].value);
  }
  return pairs;
}

}  // namespace nsai::stages
