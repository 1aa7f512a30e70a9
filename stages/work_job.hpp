#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "messages/job.hpp"
#include "stages/stage.hpp"

namespace nsai::stages {

/// A stage that stands for another one, as a job with its own priority, resources, timeout and
/// retries: {stage_module, stage_opts, priority, resources, constraints, timeout_ms, max_retries,
/// retry_backoff_ms, async}. Nothing ever runs it: whoever submits it submits what it delegates
/// (`delegate`), so that no job waits for another while it holds a place.
std::unique_ptr<stage> make_work_job();

/// {jobs}: waits for the `async` work_jobs before it in a pipeline (by default all that nothing has
/// waited for), whose contexts are merged into its own; tells what they do not agree on.
std::unique_ptr<stage> make_await_jobs();

/// What is delegated, in place of a work_job.
struct delegation {
  std::string stage;
  json options;
  nsai::resources resources;
  nsai::constraints constraints;
  std::optional<nsai::priority> priority;
  bool async = false;
  std::string stage_field = "stage";  // where `stage` and `options` stand in what was written
  std::string options_field = "options";
};

/// Replaces a `work_job` by what it delegates, also one that delegates a work_job; others stay as
/// they are. Values that the work_job's options give take the place of those of the entry itself.
/// Faults have their fields below `path` ("pipeline[1]." or ""). `d.options` are as written.
std::vector<error_info> delegate(delegation& d, std::string const& path);

/// The stage that is meant by the name of a module: "CnsCrucible.Stages.ProposerMetrics" is
/// proposer_metrics. Names of stages stay as they are.
std::string stage_of_module(std::string const& name);

}  // namespace nsai::stages
