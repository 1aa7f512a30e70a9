#include "stages/stage.hpp"

#include <algorithm>
#include <stdexcept>

#include "stages/artifacts.hpp"
#include "stages/compute.hpp"
#include "stages/text/scorer.hpp"

namespace nsai::stages {
namespace fs = std::filesystem;

void check_context(json const& document) {
  context parsed;
  try {
    read_json(document, parsed);
  } catch (shape_error const& e) {
    throw e.inside("context");
  }
  for (auto const& [name, member] :
       {std::pair{"experiment", &parsed.experiment}, std::pair{"inputs", &parsed.inputs},
        std::pair{"outputs", &parsed.outputs}, std::pair{"metrics", &parsed.metrics},
        std::pair{"assigns", &parsed.assigns}})
    if (!member->is_object())
      throw shape_error(std::string{"context."} + name, describe_json(*member) + " is not allowed",
                        "an object");
  for (auto const& [name, member] : {std::pair{"artifacts", &parsed.artifacts},
                                     std::pair{"completed_stages", &parsed.completed_stages}}) {
    if (!member->is_array())
      throw shape_error(std::string{"context."} + name, describe_json(*member) + " is not allowed",
                        "an array");
    bool const of_texts = member == &parsed.completed_stages;
    for (std::size_t i = 0; i < member->size(); ++i)
      if (of_texts ? !(*member)[i].is_string() : !(*member)[i].is_object())
        throw shape_error(
            std::string{"context."} + name + "[" + std::to_string(i) + "]",
            describe_json((*member)[i]) + " is not allowed",
            of_texts ? "the name of a stage" : "an object with name, kind and path of a file");
  }
}

stage_env stage_env::part(double from, double to) const {
  auto some = *this;
  if (progress)
    some.progress = [tell = progress, from, to, told = std::make_shared<double>(0)](
                        double fraction, std::string const& text) {
      *told = std::max(*told, fraction);  // by whichever copy
      tell(from + (to - from) * *told, text);
    };
  return some;
}

fs::path context::base_dir() const {
  auto const found = experiment.find("base_dir");
  return found != experiment.end() && found->is_string() ? found->get<std::string>()
                                                         : std::string{};
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
  if (told.error) {  // nothing is hashed for it, and it keeps its own error
    if (result.context)
      told.context = json_text::of(write_json(*result.context));
    if (told.value.text.size() + told.context.text.size() > most_result_bytes)
      told.value = told.context = {};
    return told;
  }
  try {
    if (result.context) {
      auto const after = write_json(*result.context);
      check_context(after);
      told.context = json_text::of(after);
    }
    tell_files(told, ctx, {env.artifacts, env.job, env.step, env.stop});
    refuse_large(told);
  } catch (std::exception const& e) {
    told = {};
    told.result = attempt_result::failed;
    told.error = error_of("stage", "bad_context", e.what());
  }
  return told;
}

}  // namespace nsai::stages
