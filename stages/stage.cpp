#include "stages/stage.hpp"

#include <algorithm>
#include <stdexcept>

#include "messages/suggest.hpp"
#include "stages/compute.hpp"
#include "stages/text/scorer.hpp"

namespace nsai::stages {
namespace {

/// Objects by key, recursively; arrays become the union; else the later one wins.
void merge_into(json& to, json const& from) {
  if (to.is_object() && from.is_object()) {
    for (auto const& [key, value] : from.items()) {
      if (to.contains(key))
        merge_into(to[key], value);
      else
        to[key] = value;
    }
  } else if (to.is_array() && from.is_array()) {
    for (auto const& item : from)
      if (std::find(to.begin(), to.end(), item) == to.end())
        to.push_back(item);
  } else {
    to = from;
  }
}

}  // namespace

std::string merge_contexts(std::string const& base, std::vector<std::string> const& contexts) {
  json merged = base.empty() ? json::object() : json_text{base}.value();
  for (auto const& each : contexts)
    if (!each.empty())
      merge_into(merged, json_text{each}.value());
  return merged.empty() ? std::string{} : json_text::of(merged).text;
}

outcome outcome::failure(std::string code, std::string message, bool retryable) {
  outcome result;
  result.error = error_of("stage", std::move(code), std::move(message));
  result.error->retryable = retryable;
  return result;
}

outcome outcome::stopped() {
  return failure("stopped", "the stage was asked to stop", true);
}

void registry::add(std::unique_ptr<stage> s) {
  auto const description = s->describe();
  if (description.name.empty() || find(description.name) != nullptr)
    throw std::invalid_argument("stage \"" + description.name + "\": the name is empty or taken");
  for (auto const& option : description.options) {
    if (option.default_value.empty())
      continue;
    json probe{{option.name, option.default_value.value()}};
    stage_description alone;
    alone.options = {option};
    if (auto fault = check_options(alone, probe))
      throw std::invalid_argument("stage \"" + description.name + "\": default of " +
                                  fault->message);
  }
  auto const at = std::find_if(stages_.begin(), stages_.end(), [&](entry const& other) {
    return other.description.name > description.name;
  });
  stages_.insert(at, {description, std::move(s)});
}

stage const* registry::find(std::string const& name) const {
  auto const found = std::find_if(stages_.begin(), stages_.end(),
                                  [&](entry const& each) { return each.description.name == name; });
  return found == stages_.end() ? nullptr : found->runs.get();
}

std::vector<stage_description> registry::descriptions() const {
  std::vector<stage_description> list;
  for (auto const& each : stages_)
    list.push_back(each.description);
  return list;
}

attempt_outcome run_stage(stage const& s, json_text const& options, json_text const& ctx,
                          stage_env& env) {
  attempt_outcome told;
  outcome result;
  try {
    context before;
    if (!ctx.empty())
      read_json(ctx.value(), before);
    auto given = options.empty() ? json::object() : options.value();
    result = s.run(std::move(before), given, env);
  } catch (shape_error const& e) {
    result = outcome::failure("bad_input", e.what(), false);
  } catch (compute_stopped const&) {
    result = outcome::stopped();
  } catch (device_error const& e) {
    env.device_lost = e.sticky();
    if (e.who() == fault_class::quarantine) {
      told.result = attempt_result::device_fault;
      told.error = error_of("infra", "gpu_fault", e.what());
      return told;
    }
    result = outcome::failure("gpu_error", e.what(), e.who() == fault_class::retry);
  } catch (scorer_error const& e) {
    result = outcome::failure("scorer_error", e.what(), true);
  } catch (std::bad_alloc const&) {
    result = outcome::failure("out_of_memory", "the stage could not allocate memory", true);
  } catch (std::exception const& e) {
    result = outcome::failure("exception", e.what(), true);
  }
  if (result.error && result.error->code == "stopped" && env.stop.stop_requested()) {
    told.result = attempt_result::canceled;
    return told;
  }
  told.result = result.error ? attempt_result::failed : attempt_result::succeeded;
  told.error = std::move(result.error);
  told.value = json_text::of(result.result);
  if (result.context)
    told.context = json_text::of(write_json(*result.context));
  return told;
}

}  // namespace nsai::stages
