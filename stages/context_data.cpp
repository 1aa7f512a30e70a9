#include "stages/context_data.hpp"

#include <algorithm>
#include <charconv>

namespace nsai::stages {
namespace {

std::vector<proposer_output> proposals_of(json const& given) {
  if (!given.is_array())
    throw shape_error("outputs.proposals", describe_json(given) + " is not allowed", "an array");
  std::vector<proposer_output> list;
  for (std::size_t i = 0; i < given.size(); ++i) {
    auto const at = "outputs.proposals[" + std::to_string(i) + "]";
    auto const& each = given[i];
    if (!each.is_object() || !each.contains("id") || !each.contains("output") ||
        !each.at("output").is_string())
      throw shape_error(at, describe_json(each) + " is not allowed",
                        "{\"id\", \"output\": a text}");
    try {
      list.push_back({id_of(each.at("id")), each.at("output").get<std::string>()});
    } catch (shape_error const& e) {
      throw e.inside(at);
    }
  }
  return list;
}

}  // namespace

bool has_dataset(context const& ctx) {
  return ctx.inputs.contains("dataset");
}

outcome no_dataset() {
  return outcome::failure(
      "no_dataset", "inputs.dataset: nothing is there; expected a data_load stage before this one",
      false);
}

dataset dataset_of(context const& ctx) {
  auto const given = ctx.inputs.find("dataset");
  if (given == ctx.inputs.end())
    throw shape_error("inputs.dataset", "nothing is there", "a data_load stage before this one");
  dataset data;
  try {
    read_json(*given, data);
  } catch (shape_error const& e) {
    throw e.inside("inputs.dataset");
  }
  if (auto const proposals = ctx.outputs.find("proposals"); proposals != ctx.outputs.end())
    data.outputs = proposals_of(*proposals);
  if (auto const predictions = ctx.outputs.find("predictions"); predictions != ctx.outputs.end()) {
    try {
      read_json(*predictions, data.predictions);
    } catch (shape_error const& e) {
      throw e.inside("outputs.predictions");
    }
  }
  return data;
}

json const* find_path(json const& whole, std::string const& path) {
  auto const* at = &whole;
  for (std::size_t from = 0; from <= path.size();) {
    auto const end = std::min(path.find('.', from), path.size());
    auto const name = path.substr(from, end - from);
    from = end + 1;
    if (at->is_object() && at->contains(name)) {
      at = &at->at(name);
    } else if (at->is_array()) {
      std::size_t position = 0;
      auto const* const last = name.data() + name.size();
      auto const read = std::from_chars(name.data(), last, position);
      if (read.ec != std::errc{} || read.ptr != last || position >= at->size())
        return nullptr;
      at = &at->at(position);
    } else {
      return nullptr;
    }
  }
  return at;
}

}  // namespace nsai::stages
