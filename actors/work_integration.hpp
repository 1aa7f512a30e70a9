#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "messages/job.hpp"
#include "messages/node.hpp"

/// CNS experiments as submissions: what the calls of nsai::client send, and what an actor that uses
/// client_actor builds its submit_jobs from. Nothing here talks to a cluster; `known` are its
/// stages, as list_stages answers them, and equal arguments give equal submissions wherever an id
/// is given.
namespace nsai {

inline constexpr char const* crucible_tenant = "cns_crucible";

/// What is to be found out, on which data. Without a pipeline it gets the standard one of its type
/// (standard_pipeline).
struct experiment {
  std::string id = {};    // empty: a random UUID
  std::string name = {};  // empty: the type
  /// proposer, antagonist, synthesizer or training; with a pipeline, any name. It is the namespace
  /// of the jobs.
  std::string type = {};
  /// A data set of the cluster by its name, or {claims, corpus, predictions, outputs, limit} with
  /// paths; null: "sample", which every node has.
  json dataset = {};
  /// Options of stages of the pipeline, by their names: {"proposer_metrics": {"batch_size": 32}}.
  json options = json::object();
  json pipeline = {};  // as in an experiment file
  json metadata = json::object();
  std::string backend = {};
  std::filesystem::path base_dir = {};  // of relative paths; empty: the current directory
};

/// What `training` learns, and from what. Absent values are the stage's own.
struct training_config {
  std::string model_type = "proposer";
  json dataset = {};  // as that of an experiment
  std::optional<std::int64_t> epochs = {};
  std::optional<std::int64_t> batch_size = {};
  std::optional<double> learning_rate = {};
  std::optional<std::int64_t> seed = {};
  json options = json::object();  // further options of the stage `training`
  /// A data set, or {claims, corpus}, on which the model is evaluated besides, after the training;
  /// null: none. (Training by itself keeps claims apart on which it tells how good the model is.)
  json evaluation_dataset = {};
  std::string id = {};
  std::string name = {};  // empty: "training_" and the model type
  std::filesystem::path base_dir = {};
};

/// On which terms. Resources and constraints hold for the stages that compute: neither for
/// data_load and report nor for the others that only look (`computes`); values that a stage of a
/// pipeline has of its own, or a work_job gives, come first. Absent values: the defaults of the
/// type, which are
///   priority        interactive for proposer, antagonist and synthesizer; else the document's
///                   own, else batch
///   resources       training without a pipeline of its own: one A100 and 16,384 MB of memory
///   constraints     those of experiment stages; of a stage training: max_retries 2
struct submit_options {
  std::optional<nsai::priority> priority = {};
  std::optional<std::string> gpu = {};  // a model ("A100|H100"), "any"; "" or "none": no GPU
  std::optional<std::int64_t> memory_mb = {};
  std::optional<double> cpu = {};  // cores
  std::optional<std::int64_t> timeout_ms = {};
  std::optional<std::int64_t> max_retries = {};
  std::optional<std::int64_t> retry_backoff_ms = {};
  /// More of nsai::constraints and nsai::resources, as JSON objects; what stands above comes first.
  json constraints = json::object();
  json resources = json::object();
};

using submission_or_error = std::variant<submission, error_info>;

/// The stages of an experiment of this type, each {"name", "stage"}; null for another type. A data
/// set that brings a proposer's outputs gets no proposer.
json standard_pipeline(std::string const& type, json const& dataset);

/// Whether a stage of this name does work that resources are asked for.
bool computes(std::string const& stage);

/// A document as an experiment file holds it, with the terms put into its pipeline. The error names
/// every fault; its `field` is the first one's.
submission_or_error document_submission(json document, std::filesystem::path const& base,
                                        submit_options const& terms,
                                        std::vector<stage_description> const& known);

submission_or_error experiment_submission(experiment const& e, submit_options const& terms,
                                          std::vector<stage_description> const& known);

submission_or_error training_submission(training_config const& config, submit_options const& terms,
                                        std::vector<stage_description> const& known);

/// A random UUID, version 4.
std::string random_uuid();

}  // namespace nsai
