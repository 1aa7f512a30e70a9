#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "messages/node.hpp"

namespace nsai::stages {

/// Parses JSON as a person writes it: comments are allowed. Throws shape_error whose message has
/// line and column
/// ("FILE:3:14: ..."), also for an empty or truncated text.
json parse_document(std::string const& text, std::string const& name);
/// Reads and parses a file; throws shape_error when it cannot be read.
json read_document(std::filesystem::path const& file);

/// An experiment file as one submission with a pipeline, the tenant left to the caller. Each
/// work_job is replaced by what it delegates (work_job.hpp); the order is that of
/// pipeline_order.hpp.
/// `base` is the folder that relative paths refer to (written to context.experiment.base_dir, where
/// stages that take paths find it), and in which programs run (`command`, without a chdir of its
/// own). Every fault is collected, each with its path in the file
/// ("pipeline[1].options.limit"). Options are checked against `known`, the stages of the cluster
/// (names and options).
struct read_experiment {
  submission request;
  std::vector<error_info> faults;
};
read_experiment experiment_from(json const& document, std::filesystem::path const& base,
                                std::vector<stage_description> const& known);

/// `--set PATH=VALUE` on an experiment file: "dataset.limit=10",
/// "pipeline.data_load.options.limit=5" (stages of the pipeline by name or by position). The value
/// is read as JSON, else as text. Throws shape_error.
void set_path(json& document, std::string const& path, std::string const& value);

}  // namespace nsai::stages
