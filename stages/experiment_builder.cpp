#include "stages/experiment_builder.hpp"

namespace nsai::stages {
namespace {

/// Absent values (null) are left out.
void put(json& object, char const* field, json value) {
  if (!value.is_null())
    object[field] = std::move(value);
}

}  // namespace

experiment_builder& experiment_builder::set(char const* field, json value) {
  document_[field] = std::move(value);
  return *this;
}

experiment_builder& experiment_builder::add(json entry) {
  document_["pipeline"].push_back(std::move(entry));
  return *this;
}

experiment_builder& experiment_builder::id(std::string id) {
  return set("id", std::move(id));
}

experiment_builder& experiment_builder::name(std::string name) {
  return set("name", std::move(name));
}

experiment_builder& experiment_builder::type(std::string type) {
  return set("type", std::move(type));
}

experiment_builder& experiment_builder::backend(std::string id) {
  return set("backend", {{"id", std::move(id)}});
}

experiment_builder& experiment_builder::dataset(json dataset) {
  return set("dataset", std::move(dataset));
}

experiment_builder& experiment_builder::metadata(json metadata) {
  return set("metadata", std::move(metadata));
}

experiment_builder& experiment_builder::priority(nsai::priority priority) {
  return set("priority", write_json(priority));
}

experiment_builder& experiment_builder::stage(std::string name, std::string stage, json options,
                                              stage_terms terms) {
  json entry{{"name", std::move(name)}, {"stage", std::move(stage)}};
  put(entry, "options", std::move(options));
  put(entry, "resources", std::move(terms.resources));
  put(entry, "constraints", std::move(terms.constraints));
  put(entry, "priority", write_json(terms.priority));
  put(entry, "depends_on", write_json(terms.depends_on));
  return add(std::move(entry));
}

experiment_builder& experiment_builder::work_job(std::string name, std::string stage_module,
                                                 work_job_terms terms) {
  json options{{"stage_module", std::move(stage_module)}};
  put(options, "stage_opts", std::move(terms.stage_opts));
  put(options, "priority", write_json(terms.priority));
  put(options, "resources", std::move(terms.resources));
  put(options, "constraints", std::move(terms.constraints));
  put(options, "timeout_ms", write_json(terms.timeout_ms));
  put(options, "max_retries", write_json(terms.max_retries));
  put(options, "retry_backoff_ms", write_json(terms.retry_backoff_ms));
  if (terms.async)
    options["async"] = true;
  return stage(std::move(name), "work_job", std::move(options),
               {.depends_on = std::move(terms.depends_on)});
}

experiment_builder& experiment_builder::await_jobs(std::vector<std::string> jobs,
                                                   std::string name) {
  return stage(std::move(name), "await_jobs",
               jobs.empty() ? json{} : json{{"jobs", std::move(jobs)}});
}

}  // namespace nsai::stages
