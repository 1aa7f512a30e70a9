#include "messages/job.hpp"

#include <algorithm>

#include "messages/node.hpp"
#include "messages/record.hpp"
#include "messages/suggest.hpp"

namespace nsai {
namespace {

using names = std::vector<std::string>;

constexpr std::int64_t day_ms = 24 * 60 * 60 * 1000;
constexpr std::int64_t most_usd = 1'000'000'000;
constexpr std::int64_t most_children = 1'000'000;
constexpr std::size_t most_dependencies = 10'000;
constexpr std::int32_t most_members = 10'000;

std::optional<error_info> outside(std::string const& path, char const* name, std::int64_t value,
                                  std::int64_t least, std::int64_t most, char const* meaning) {
  if (value >= least && value <= most)
    return std::nullopt;
  return usage_error(path + "." + name, std::to_string(value) + " is not allowed",
                     std::to_string(least) + " to " + std::to_string(most) + meaning);
}

std::optional<error_info> check_name(char const* where, std::string const& text) {
  if (is_name(text))
    return std::nullopt;
  return usage_error(where, "\"" + text.substr(0, 80) + "\" is not allowed",
                     "1 to 64 of A-Z a-z 0-9 . _ -, beginning with a letter or a digit");
}

/// CAF hands on whatever number came.
template <named_enum E>
std::optional<error_info> unknown_value(std::string const& where, E value) {
  auto const number = static_cast<std::size_t>(value);
  if (number < enum_names(value).size())
    return std::nullopt;
  return usage_error(where, "the number " + std::to_string(number) + " is not allowed",
                     "one of " + joined(enum_names(value)));
}

std::optional<error_info> check_group(constraints const& c, std::string const& path) {
  if (c.concurrency_group.empty() && c.max_concurrent_in_group != 1)
    return usage_error(path + ".max_concurrent_in_group",
                       std::to_string(c.max_concurrent_in_group) + " was given without a group",
                       "concurrency_group, too");
  if (c.concurrency_group.empty())
    return std::nullopt;
  auto const name = path + ".concurrency_group";
  if (auto fault = check_name(name.c_str(), c.concurrency_group))
    return fault;
  return outside(path, "max_concurrent_in_group", c.max_concurrent_in_group, 1, 1'000'000, "");
}

std::optional<error_info> check_array(array_spec const& a) {
  if (a.step < 1)
    return usage_error("array.step", std::to_string(a.step) + " is not allowed", "1 or more");
  if (a.limit < 0)
    return usage_error("array.limit", std::to_string(a.limit) + " is not allowed",
                       "0 (none) or more");
  if (a.indices.empty() && (a.first < 0 || a.last < a.first))
    return usage_error("array",
                       std::to_string(a.first) + "-" + std::to_string(a.last) + " is not allowed",
                       "A-B with 0 <= A <= B");
  // The range is compared before it is counted, so that no sum can overflow.
  if (a.indices.empty() &&
      a.last - a.first >= most_children * std::min<std::int64_t>(a.step, 1'000'000))
    return usage_error("array", "too many children", "at most " + std::to_string(most_children));
  if (count_of(a) > most_children)
    return usage_error("array", std::to_string(count_of(a)) + " children are not allowed",
                       "at most " + std::to_string(most_children));
  return std::nullopt;
}

std::optional<error_info> check_nodes(submission const& s) {
  if (s.nodes < 1 || s.nodes > most_members)
    return usage_error("nodes", std::to_string(s.nodes) + " is not allowed",
                       "1 to " + std::to_string(most_members));
  if (s.nodes == 1)
    return std::nullopt;
  if (!s.array && s.pipeline.empty())
    return s.kind == job_kind::composite
               ? std::optional{usage_error("kind", "\"composite\" is what an experiment is",
                                           "the kind of the members of the gang")}
               : std::nullopt;
  auto fault = usage_error(
      "nodes", std::string(s.array ? "an array" : "an experiment") + " of gangs is not supported",
      "1, or a submission of its own for each gang");
  fault.code = "unsupported";
  return fault;
}

std::optional<error_info> check_pipeline(submission& s) {
  if (s.array)
    return usage_error("array", "an experiment was given too", "either an array or a pipeline");
  if (!s.constraints.concurrency_group.empty())
    return usage_error("constraints.concurrency_group",
                       "an experiment runs nowhere itself, it holds no place in a group",
                       "groups of its stages (pipeline[..].constraints)");
  if (s.constraints.max_cost_usd)
    return usage_error("constraints.max_cost_usd", "an experiment runs nowhere itself",
                       "that of its stages (pipeline[..].constraints)");
  constexpr std::size_t most_steps = 1000;
  if (s.pipeline.size() > most_steps)
    return usage_error(
        "pipeline", std::to_string(s.pipeline.size()) + " steps are not allowed",
        "1 to " + std::to_string(most_steps) + "; equal work on many inputs is an array job");
  for (std::size_t i = 0; i < s.pipeline.size(); ++i) {
    auto& step = s.pipeline[i];
    auto const path = "pipeline[" + std::to_string(i) + "]";
    if (step.stage.empty())
      return usage_error(path + ".stage", "nothing was given", "the name of a stage");
    apply_defaults(step.constraints,
                   step.stage == "training" ? job_kind::training_step : job_kind::experiment_step);
    if (auto fault = complete_and_check(step.resources, path + ".resources"))
      return fault;
    if (auto fault = check(step.constraints, path + ".constraints"))
      return fault;
    for (auto const after : step.after)
      if (after >= i)
        return usage_error(path + ".depends_on",
                           "step " + std::to_string(after) + " is not before this one",
                           "a step that stands earlier in the pipeline");
  }
  if (std::all_of(s.pipeline.begin(), s.pipeline.end(),
                  [](auto const& step) { return static_cast<bool>(step.reuse); }))
    return usage_error("pipeline", "every step is taken over from another job",
                       "one that is to run or more");
  return std::nullopt;
}

}  // namespace

names const& enum_names(priority) {
  static names const list{"realtime", "interactive", "batch", "offline"};
  return list;
}
names const& enum_names(job_kind) {
  static names const list{"tool_call", "experiment_step", "workflow_step", "training_step",
                          "inference", "backend_command", "composite"};
  return list;
}
names const& enum_names(job_status) {
  static names const list{"pending", "queued",   "running", "succeeded",
                          "failed",  "canceled", "timeout"};
  return list;
}
names const& enum_names(backoff_kind) {
  static names const list{"constant", "linear", "exponential"};
  return list;
}
names const& enum_names(dependency_rule) {
  static names const list{"fail", "skip"};
  return list;
}
names const& enum_names(attempt_result) {
  static names const list{"none", "succeeded", "failed",       "timed_out", "canceled",
                          "lost", "returned",  "device_fault", "revoked"};
  return list;
}
names const& enum_names(place_health) {
  static names const list{"sound", "quarantined", "probation"};
  return list;
}
names const& enum_names(node_status) {
  static names const list{"ready", "suspect", "lost", "draining"};
  return list;
}

void apply_defaults(constraints& c, job_kind kind) {
  if (!c.max_retries) {
    switch (kind) {
      case job_kind::backend_command:
        c.max_retries = 0;
        break;
      case job_kind::experiment_step:
        c.max_retries = 1;
        break;
      case job_kind::training_step:
        c.max_retries = 2;
        break;
      default:
        c.max_retries = 3;
    }
  }
  if (!c.timeout_ms)
    c.timeout_ms = kind == job_kind::backend_command || kind == job_kind::composite ? 0 : 3'600'000;
}

std::optional<error_info> check(constraints const& c, std::string const& path) {
  if (auto fault = outside(path, "max_retries", c.max_retries.value_or(0), 0, 1000, ""))
    return fault;
  if (auto fault = outside(path, "max_infra_retries", c.max_infra_retries, 0, 1000, ""))
    return fault;
  if (auto fault = outside(path, "retry_backoff_ms", c.retry_backoff_ms, 0, day_ms, " (1 day)"))
    return fault;
  if (auto fault = outside(path, "max_backoff_ms", c.max_backoff_ms, 0, 7 * day_ms, " (7 days)"))
    return fault;
  if (c.jitter.value < 0 || c.jitter.value > 1000)
    return usage_error(path + ".jitter", json(c.jitter).dump() + " is not allowed",
                       "a number from 0 to 1");
  if (auto fault = outside(path, "timeout_ms", c.timeout_ms.value_or(0), 0, 7 * day_ms,
                           " (7 days), 0 for none"))
    return fault;
  if (auto fault = outside(path, "grace_ms", c.grace_ms, 0, day_ms, " (1 day)"))
    return fault;
  if (auto fault =
          outside(path, "estimated_duration_ms", c.estimated_duration_ms, 0, 365 * day_ms, ""))
    return fault;
  if (c.max_cost_usd &&
      (c.max_cost_usd->value <= 0 || c.max_cost_usd->value > most_usd * 1'000'000))
    return usage_error(path + ".max_cost_usd", json(*c.max_cost_usd).dump() + " is not allowed",
                       "above 0 and at most " + std::to_string(most_usd));
  if (auto fault = unknown_value(path + ".backoff", c.backoff))
    return fault;
  for (auto const& [name, list] : {std::pair{".required_backends", &c.required_backends},
                                   std::pair{".preferred_backends", &c.preferred_backends},
                                   std::pair{".excluded_backends", &c.excluded_backends}})
    if (!list->empty()) {
      auto fault =
          usage_error(path + name, "this is not supported by this version", "an empty list");
      fault.code = "unsupported";
      return fault;
    }
  static names const signals{"SIGTERM", "SIGINT",  "SIGHUP", "SIGQUIT",
                             "SIGUSR1", "SIGUSR2", "SIGKILL"};
  if (std::find(signals.begin(), signals.end(), c.stop_signal) == signals.end())
    return usage_error(path + ".stop_signal",
                       "\"" + c.stop_signal.substr(0, 40) + "\" is not allowed",
                       "one of SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGKILL");
  for (auto const& [name, list] :
       {std::pair{".depends_on", &c.depends_on}, std::pair{".after_any", &c.after_any}})
    if (list->size() > most_dependencies)
      return usage_error(path + name, std::to_string(list->size()) + " jobs are not allowed",
                         "at most " + std::to_string(most_dependencies));
  if (auto fault = unknown_value(path + ".on_failed_dependency", c.on_failed_dependency))
    return fault;
  return check_group(c, path);
}

std::int64_t jobs_of(submission const& s) {
  if (s.array)
    return count_of(*s.array);
  return s.pipeline.empty() ? s.nodes : static_cast<std::int64_t>(s.pipeline.size());
}

std::size_t dependencies_of(constraints const& c) {
  return c.depends_on.size() + c.after_any.size();
}

std::int64_t count_of(array_spec const& a) {
  if (!a.indices.empty())
    return static_cast<std::int64_t>(a.indices.size());
  return (a.last - a.first) / a.step + 1;
}

std::int64_t index_at(array_spec const& a, std::int64_t position) {
  return a.indices.empty() ? a.first + position * a.step
                           : a.indices[static_cast<std::size_t>(position)];
}

bool is_name(std::string const& text) {
  auto const alphanumeric = [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
  };
  if (text.empty() || text.size() > 64 || !alphanumeric(text.front()))
    return false;
  return std::all_of(text.begin(), text.end(),
                     [&](char c) { return alphanumeric(c) || c == '.' || c == '_' || c == '-'; });
}

/// As W3C's trace context has it.
static bool is_trace_id(std::string const& text) {
  return text.size() == 32 && text.find_first_not_of("0123456789abcdef") == std::string::npos &&
         text.find_first_not_of('0') != std::string::npos;
}

std::optional<error_info> complete_and_check(submission& s) {
  if (auto fault = check_name("tenant_id", s.tenant_id))
    return fault;
  if (auto fault = check_name("namespace", s.name_space))
    return fault;
  for (auto const& [field, word] : {std::pair{"key", &s.key}, std::pair{"unique", &s.unique}})
    if (word->size() > 256)
      return usage_error(field, std::to_string(word->size()) + " bytes are not allowed",
                         "at most 256");
  if (!s.name.empty())
    if (auto fault = check_name("name", s.name))
      return fault;
  for (auto const& [field, list] :
       {std::pair{"after", &s.after}, std::pair{"after_any", &s.after_any}})
    if (list->size() > most_dependencies)
      return usage_error(field, std::to_string(list->size()) + " names are not allowed",
                         "at most " + std::to_string(most_dependencies));
  if (!s.trace_id.empty() && !is_trace_id(s.trace_id))
    return usage_error("trace_id", "\"" + s.trace_id.substr(0, 80) + "\" is not allowed",
                       "32 of 0-9 a-f, not all 0");
  if (auto fault = unknown_value("kind", s.kind))
    return fault;
  if (auto fault = unknown_value("priority", s.priority))
    return fault;
  if (auto fault = complete_and_check(s.resources))
    return fault;
  if (auto fault = check_nodes(s))
    return fault;
  if (s.stage == "command" && s.kind == job_kind::tool_call)
    s.kind = job_kind::backend_command;
  if (!s.pipeline.empty()) {
    s.kind = job_kind::composite;
    if (auto fault = check_pipeline(s))
      return fault;
  } else if (s.stage.empty()) {
    return usage_error("stage", "nothing was given", "the name of a stage");
  } else if (s.kind == job_kind::composite) {
    return usage_error("kind", "\"composite\" is what an experiment is", "another kind");
  }
  apply_defaults(s.constraints, s.kind);
  if (auto fault = check(s.constraints))
    return fault;
  return s.array ? check_array(*s.array) : std::nullopt;
}

}  // namespace nsai
