#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <stop_token>
#include <string>
#include <variant>
#include <vector>

#include "messages/attempt.hpp"
#include "stages/dataset_paths.hpp"

namespace nsai::stages {

class compute;

/// The Crucible context that flows through an experiment. Every member is a JSON object (artifacts
/// and completed_stages: arrays).
struct context {
  static constexpr char const* type_name = "context";
  json experiment = json::object();
  json inputs = json::object();
  json outputs = json::object();
  json metrics = json::object();
  json artifacts = json::array();
  json assigns = json::object();
  json completed_stages = json::array();

  static constexpr auto fields() {
    using c = context;
    return std::tuple{field{"experiment", &c::experiment},
                      field{"inputs", &c::inputs},
                      field{"outputs", &c::outputs},
                      field{"metrics", &c::metrics},
                      field{"artifacts", &c::artifacts},
                      field{"assigns", &c::assigns},
                      field{"completed_stages", &c::completed_stages}};
  }

  /// The folder of the experiment's file, in which relative paths begin; empty: there is none.
  std::filesystem::path base_dir() const;
};

/// Throws shape_error when a document does not have the shape of a context: its members, objects
/// but for artifacts (of objects) and completed_stages (of texts).
void check_context(json const& document);

/// What a stage may use while it runs.
struct stage_env {
  std::stop_token stop;  // honoured by every in-process stage
  std::function<void(double fraction, std::string const& text)> progress;
  std::function<void(std::string const& line)> log;  // one line into the job's log
  std::vector<device_grant> devices;
  std::function<compute&()> gpu;    // the real GPU that was granted (stages/on_device.hpp); or null
  bool device_lost = false;         // set by run_stage: this process can use CUDA no more
  std::filesystem::path scratch;    // made for the attempt, removed after it
  std::filesystem::path artifacts;  // kept; one directory a job
  std::uint32_t attempt = 1;
  std::uint64_t job = 0;
  std::string step;  // what it is called in its experiment; empty: it is in none
  std::optional<std::int64_t> array_index;
  std::optional<gang_place> gang;                 // of a gang's member: its rank, and where to meet
  std::map<std::string, dataset_paths> datasets;  // of the node's config, by name

  /// For a part of the work: what it tells of its progress, from 0 to 1 and perhaps several times
  /// over, goes from `from` to `to` of the whole, and never back.
  stage_env part(double from, double to) const;
};

/// How a run ended: a result (with the context after it), or an error. A stopped stage returns
/// `stopped`.
struct outcome {
  json result;
  std::optional<nsai::stages::context> context;  // absent: unchanged
  std::optional<error_info> error;

  static outcome success(json result, std::optional<nsai::stages::context> after = std::nullopt) {
    return {std::move(result), std::move(after), std::nullopt};
  }
  static outcome failure(std::string code, std::string message, bool retryable);
  static outcome stopped();
};

class stage {
 public:
  virtual ~stage() = default;
  virtual stage_description describe() const = 0;
  /// `options` were checked and completed against `describe()`.
  virtual outcome run(context ctx, json const& options, stage_env& env) const = 0;
};

/// The stages of this process, by name.
class registry {
 public:
  /// Throws std::invalid_argument when the name is taken or the description is not sound.
  void add(std::unique_ptr<stage> s);
  /// Null when there is none.
  stage const* find(std::string const& name) const;
  std::vector<stage_description> descriptions() const;

 private:
  struct entry {
    stage_description description;
    std::unique_ptr<stage> runs;
  };
  std::vector<entry> stages_;  // by name
};

/// A registry with every built-in stage. `command` is described too; the node's workers run it.
registry built_in_stages();

/// Checks `options` (an object, or null for none) against the description: unknown names (with the
/// nearest known one), wrong types, values out of bounds, missing required ones. Returns the first
/// fault, with its field below `path`; else fills in the defaults.
std::optional<error_info> check_options(stage_description const& description, json& options,
                                        std::string const& path = "options");

/// The same, with every fault.
std::vector<error_info> check_all_options(stage_description const& description, json& options,
                                          std::string const& path = "options");

/// Reads the text of one `--set` value by the type that the option has; a fault is a usage error.
std::variant<json, error_info> parse_option(stage_description const& description,
                                            std::string const& name, std::string const& text);

/// Runs one stage with every exception turned into a failure; files in env.artifacts are told in
/// the context (artifacts.hpp). Text options are JSON; empty: none.
attempt_outcome run_stage(stage const& s, json_text const& options, json_text const& ctx,
                          stage_env& env);

}  // namespace nsai::stages
