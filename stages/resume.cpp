#include "stages/resume.hpp"

#include <algorithm>
#include <optional>

namespace nsai::stages {
namespace {

error_info refusal(std::string message) {
  return error_of("refused", "not_resumable", std::move(message));
}

json experiment_in(json_text const& context) {
  if (context.empty())
    return json::object();
  auto const whole = context.value();
  auto const found = whole.is_object() ? whole.value("experiment", json::object()) : json::object();
  return found.is_object() ? found : json::object();
}

std::optional<error_info> check_run(submission const& request, job_record const& run) {
  auto const number = "run " + std::to_string(run.id.value);
  if (run.kind != job_kind::composite)
    return refusal("job " + std::to_string(run.id.value) +
                   " is no experiment; expected the number of a run");
  if (!is_terminal(run.status))
    return refusal(number + " is " + to_string(run.status) +
                   "; expected one that is over: it goes on by itself");
  if (run.status == job_status::succeeded)
    return refusal(number + " has succeeded; expected one that has not");
  auto const before = experiment_in(run.context);
  auto const now = experiment_in(request.context);
  for (auto const* key : {"dataset", "base_dir", "type", "backend"}) {
    auto const was = before.value(key, json{});
    auto const is = now.value(key, json{});
    if (was != is)
      return refusal(std::string{"experiment."} + key + ": it is " + is.dump() + " and was " +
                     was.dump() + " in " + number + "; expected the same, or a run of its own");
  }
  return std::nullopt;
}

}  // namespace

std::variant<std::vector<std::string>, error_info> resume(submission& request,
                                                          job_record const& run,
                                                          std::vector<job_record> const& stages) {
  if (auto fault = check_run(request, run))
    return *fault;
  auto const order_in = [](json_text const& context) {
    auto const found = experiment_in(context).value("stages", json::object());
    return found.is_object() ? found : json::object();
  };
  auto const order_before = order_in(run.context);
  auto const order_now = order_in(request.context);
  std::vector<std::string> names;
  for (auto& step : request.pipeline) {
    step.reuse = {};
    bool const anew = std::any_of(step.after.begin(), step.after.end(), [&](auto const before) {
      return !request.pipeline[before].reuse;
    });
    auto const same = std::find_if(stages.begin(), stages.end(), [&](job_record const& r) {
      return r.parent_id == run.id && r.name == step.name && r.stage == step.stage;
    });
    if (anew || same == stages.end() || same->status != job_status::succeeded ||
        same->options.value() != step.options.value() ||
        order_before.value(step.name, json{}) != order_now.value(step.name, json{}))
      continue;
    step.reuse = same->id;
    names.push_back(step.name);
  }
  if (names.size() == request.pipeline.size())
    return refusal("every stage has succeeded in run " + std::to_string(run.id.value) +
                   "; expected one that is left to run");
  request.retry_of = run.id;
  return names;
}

}  // namespace nsai::stages
