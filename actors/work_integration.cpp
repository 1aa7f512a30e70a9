#include "actors/work_integration.hpp"

#include <algorithm>
#include <array>

#include "actors/secret.hpp"
#include "messages/suggest.hpp"
#include "stages/experiment.hpp"
#include "stages/work_job.hpp"

namespace nsai {
namespace {

constexpr char const* training_type = "training";
constexpr char const* usual_dataset = "sample";

bool brings_outputs(json const& dataset) {
  return dataset.is_object() && dataset.contains("outputs") && dataset.at("outputs") != "";
}

/// Fields that `own` lacks are taken from `more`.
void complete(json& own, json const& more) {
  if (own.is_null())
    own = json::object();
  if (!own.is_object())
    return;  // told as a fault when the document is read
  for (auto const& [field, value] : more.items())
    own.emplace(field, value);
}

template <class T>
void put(json& object, char const* field, std::optional<T> const& value) {
  if (value)
    object[field] = *value;
}

json resources_of(submit_options const& terms) {
  auto r = terms.resources;
  if (!r.is_object())
    return r;
  put(r, "cpu", terms.cpu);
  put(r, "memory_mb", terms.memory_mb);
  if (terms.gpu && (terms.gpu->empty() || *terms.gpu == "none")) {
    for (auto const* field : {"gpu", "gpu_count", "gpu_memory_mb", "gpu_share"})
      r.erase(field);
  } else if (terms.gpu && *terms.gpu == "any") {
    r.erase("gpu");
    r.emplace("gpu_count", 1);
  } else if (terms.gpu) {
    r["gpu"] = *terms.gpu;
  }
  return r;
}

json constraints_of(submit_options const& terms) {
  auto c = terms.constraints;
  if (!c.is_object())
    return c;
  put(c, "timeout_ms", terms.timeout_ms);
  put(c, "max_retries", terms.max_retries);
  put(c, "retry_backoff_ms", terms.retry_backoff_ms);
  return c;
}

/// Told here by the name that the caller knows, not once for each stage.
std::optional<error_info> check_terms(json const& r, json const& c) {
  nsai::resources some;
  nsai::constraints limits;
  char const* path = "resources";
  try {
    read_json(r, some);
    path = "constraints";
    read_json(c, limits);
  } catch (shape_error const& e) {
    return usage_error(e.inside(path));
  }
  if (auto fault = complete_and_check(some, "resources"))
    return fault;
  return check(limits, "constraints");
}

std::string text_of(json const& object, char const* field) {
  auto const found = object.find(field);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string{};
}

std::string name_of(json const& entry) {
  auto const name = text_of(entry, "name");
  return name.empty() ? text_of(entry, "stage") : name;
}

/// The stage that does the work: of a work_job, the one that it delegates.
std::string runs(json const& entry) {
  auto const stage = text_of(entry, "stage");
  auto const options = entry.find("options");
  if (stage != "work_job" || options == entry.end() || !options->is_object())
    return stage;
  return stages::stage_of_module(text_of(*options, "stage_module"));
}

std::vector<json*> entries_of(json& document) {
  std::vector<json*> all;
  auto const pipeline = document.find("pipeline");
  if (pipeline != document.end() && pipeline->is_array())
    for (auto& entry : *pipeline)
      if (entry.is_object())
        all.push_back(&entry);
  return all;
}

/// `options` by the names of stages. What is given here takes the place of what stands there.
std::optional<error_info> put_options(json& document, json const& options) {
  if (!options.is_object())
    return usage_error("options", describe_json(options) + " is not allowed",
                       "an object of the options of each stage");
  for (auto const& item : options.items()) {
    std::vector<std::string> names;
    json* found = nullptr;
    for (auto* entry : entries_of(document)) {
      names.push_back(name_of(*entry));
      if (names.back() == item.key())
        found = entry;
    }
    if (found == nullptr || !item.value().is_object())
      return usage_error(
          "options." + item.key(),
          found == nullptr ? "the pipeline has no such stage" : describe_json(item.value()),
          found == nullptr ? "one of " + joined(names) : "an object of the stage's options");
    auto* to = &(*found)["options"];
    if (text_of(*found, "stage") == "work_job")
      to = &(*to)["stage_opts"];
    if (to->is_null())
      *to = json::object();
    if (to->is_object())
      to->update(item.value());
  }
  return std::nullopt;
}

error_info all_in_one(std::vector<error_info> faults) {
  auto error = std::move(faults.front());
  for (std::size_t i = 1; i < faults.size(); ++i)
    error.message += "; " + faults[i].message;
  return error;
}

priority usual_priority(std::string const& type) {
  constexpr std::array interactive{"proposer", "antagonist", "synthesizer"};
  return std::find(interactive.begin(), interactive.end(), type) != interactive.end()
             ? priority::interactive
             : priority::batch;
}

json document_of(experiment const& e, json pipeline) {
  json document{{"id", e.id},
                {"name", e.name.empty() ? e.type : e.name},
                {"type", e.type},
                {"dataset", e.dataset.is_null() ? json(usual_dataset) : e.dataset},
                {"metadata", e.metadata},
                {"pipeline", std::move(pipeline)}};
  if (!e.backend.empty())
    document["backend"] = {{"id", e.backend}};
  return document;
}

submission_or_error submission_of(experiment const& e, json pipeline, submit_options const& terms,
                                  std::vector<stage_description> const& known) {
  auto document = document_of(e, std::move(pipeline));
  if (auto fault = put_options(document, e.options))
    return std::move(*fault);
  return document_submission(std::move(document), e.base_dir, terms, known);
}

/// What a training asks for unless it is told otherwise.
submit_options training_terms(submit_options terms) {
  if (!terms.gpu && terms.resources.is_object() && !terms.resources.contains("gpu") &&
      !terms.resources.contains("gpu_count"))
    terms.gpu = "A100";
  if (!terms.memory_mb && terms.resources.is_object() && !terms.resources.contains("memory_mb"))
    terms.memory_mb = 16'384;
  if (!terms.max_retries && terms.constraints.is_object() &&
      !terms.constraints.contains("max_retries"))
    terms.max_retries = 2;
  return terms;
}

json named_stages(std::vector<std::string> const& names) {
  json pipeline = json::array();
  for (auto const& name : names)
    pipeline.push_back({{"name", name}, {"stage", name}});
  return pipeline;
}

}  // namespace

bool computes(std::string const& stage) {
  constexpr std::array looks_only{"data_load",      "validate", "data_checks", "guardrails",
                                  "labeling_queue", "report",   "await_jobs"};
  return std::find(looks_only.begin(), looks_only.end(), stage) == looks_only.end();
}

json standard_pipeline(std::string const& type, json const& dataset) {
  std::vector<std::string> names{"data_load"};
  if (type != training_type && !brings_outputs(dataset))
    names.emplace_back("proposer");
  if (type == "proposer")
    names.insert(names.end(), {"proposer_metrics"});
  else if (type == "antagonist")
    names.insert(names.end(), {"antagonist", "antagonist_metrics"});
  else if (type == "synthesizer")
    names.insert(names.end(), {"antagonist", "synthesizer", "synthesizer_metrics"});
  else if (type == training_type)
    names.emplace_back("training");
  else
    return nullptr;
  names.emplace_back("report");
  return named_stages(names);
}

submission_or_error document_submission(json document, std::filesystem::path const& base,
                                        submit_options const& terms,
                                        std::vector<stage_description> const& known) {
  auto const resources = resources_of(terms);
  auto const constraints = constraints_of(terms);
  if (auto fault = check_terms(resources, constraints))
    return std::move(*fault);
  if (document.is_object()) {
    if (text_of(document, "id").empty())
      document["id"] = random_uuid();
    for (auto* entry : entries_of(document)) {
      if (!computes(runs(*entry)))
        continue;
      if (!resources.empty())
        complete((*entry)["resources"], resources);
      if (!constraints.empty())
        complete((*entry)["constraints"], constraints);
    }
  }
  auto read = stages::experiment_from(
      document, base.empty() ? std::filesystem::current_path() : std::filesystem::absolute(base),
      known);
  if (!read.faults.empty())
    return all_in_one(std::move(read.faults));
  auto& request = read.request;
  request.tenant_id = crucible_tenant;
  if (terms.priority)
    request.priority = *terms.priority;
  else if (!document.contains("priority"))
    request.priority = usual_priority(text_of(document, "type"));
  return std::move(request);
}

submission_or_error experiment_submission(experiment const& e, submit_options const& terms,
                                          std::vector<stage_description> const& known) {
  if (!e.pipeline.is_null())
    return submission_of(e, e.pipeline, terms, known);
  auto pipeline = standard_pipeline(e.type, e.dataset);
  if (pipeline.is_null())
    return usage_error("type", "\"" + e.type + "\" has no standard pipeline",
                       "proposer, antagonist, synthesizer or training, or a pipeline of its own");
  return submission_of(e, std::move(pipeline),
                       e.type == training_type ? training_terms(terms) : terms, known);
}

submission_or_error training_submission(training_config const& config, submit_options const& terms,
                                        std::vector<stage_description> const& known) {
  experiment e;
  e.id = config.id;
  e.name = config.name.empty() ? "training_" + config.model_type : config.name;
  e.type = training_type;
  e.dataset = config.dataset;
  e.base_dir = config.base_dir;
  json options = config.options;
  if (!options.is_object())
    return usage_error("options", describe_json(options) + " is not allowed",
                       "an object of options of the stage training");
  options["model_type"] = config.model_type;
  put(options, "epochs", config.epochs);
  put(options, "batch_size", config.batch_size);
  put(options, "learning_rate", config.learning_rate);
  put(options, "seed", config.seed);
  e.options = {{"training", std::move(options)}};
  auto names = std::vector<std::string>{"data_load", "training"};
  if (auto const& data = config.evaluation_dataset; !data.is_null()) {
    names.emplace_back("evaluate");
    e.options["evaluate"] = data.is_object() ? data : json{{"dataset", data}};
  }
  names.emplace_back("report");
  return submission_of(e, named_stages(names), training_terms(terms), known);
}

std::string random_uuid() {
  auto hex = actors::random_hex(16);
  hex[12] = '4';  // the version; the two highest bits of the 17th digit are the variant's, 10
  hex[16] = "89ab"[(hex[16] <= '9' ? hex[16] - '0' : hex[16] - 'a' + 10) & 3];
  for (auto const at : {20, 16, 12, 8})
    hex.insert(static_cast<std::size_t>(at), "-");
  return hex;
}

}  // namespace nsai
