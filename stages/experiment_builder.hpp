#pragma once

#include <optional>
#include <string>
#include <vector>

#include "messages/job.hpp"

namespace nsai::stages {

/// What holds for one stage of a pipeline besides its options. Absent values are not written, so
/// that the experiment's or the defaults hold. `resources` and `constraints` are JSON objects with
/// the fields of nsai::resources and nsai::constraints.
struct stage_terms {
  json resources = {};
  json constraints = {};
  std::optional<nsai::priority> priority = {};
  /// Names of stages; absent: what stands before it.
  std::optional<std::vector<std::string>> depends_on = {};
};

/// What a work_job delegates, and on which terms (stages/work_job.hpp).
struct work_job_terms {
  json stage_opts = {};
  std::optional<nsai::priority> priority = {};
  json resources = {};
  json constraints = {};
  std::optional<std::int64_t> timeout_ms = {};
  std::optional<std::int64_t> max_retries = {};
  std::optional<std::int64_t> retry_backoff_ms = {};
  bool async = false;
  std::optional<std::vector<std::string>> depends_on = {};
};

/// Writes an experiment as the JSON document of an experiment file. It checks nothing itself: what
/// reads the document (experiment_from) tells every fault with its path, for files and programs
/// alike.
///
///   auto const document =
///       experiment_builder{}
///           .name("proposer_with_work")
///           .dataset("sample")
///           .stage("load", "data_load")
///           .work_job("heavy", "proposer_metrics", {.stage_opts = {{"batch_size", 32}}})
///           .stage("report", "report")
///           .document();
class experiment_builder {
 public:
  experiment_builder& id(std::string id);
  experiment_builder& name(std::string name);
  experiment_builder& type(std::string type);
  experiment_builder& backend(std::string id);
  /// A name, or {claims, corpus, predictions, outputs, limit} with paths.
  experiment_builder& dataset(json dataset);
  experiment_builder& metadata(json metadata);
  experiment_builder& priority(nsai::priority priority);

  /// `stage` is the name of a stage of the cluster, `options` an object.
  experiment_builder& stage(std::string name, std::string stage, json options = {},
                            stage_terms terms = {});
  experiment_builder& work_job(std::string name, std::string stage_module,
                               work_job_terms terms = {});
  /// Without `jobs`: all async work_jobs before it that nothing has waited for.
  experiment_builder& await_jobs(std::vector<std::string> jobs = {},
                                 std::string name = "await_jobs");

  json const& document() const { return document_; }

 private:
  experiment_builder& set(char const* field, json value);
  experiment_builder& add(json entry);

  json document_ = {{"pipeline", json::array()}};
};

}  // namespace nsai::stages
