#pragma once

#include <string>
#include <vector>

#include "messages/error.hpp"
#include "messages/resources.hpp"
#include "messages/values.hpp"

namespace nsai {

enum class priority : std::uint8_t { realtime, interactive, batch, offline };
enum class job_kind : std::uint8_t {
  tool_call,
  experiment_step,
  workflow_step,
  training_step,
  inference,
  backend_command,
  composite
};
enum class job_status : std::uint8_t {
  pending,
  queued,
  running,
  succeeded,
  failed,
  canceled,
  timeout
};
enum class backoff_kind : std::uint8_t { constant, linear, exponential };
/// What becomes of a job when a job that has to succeed before it does not: it fails, or it is
/// skipped (it ends as canceled, with the code "skipped").
enum class dependency_rule : std::uint8_t { fail, skip };

std::vector<std::string> const& enum_names(priority);
std::vector<std::string> const& enum_names(job_kind);
std::vector<std::string> const& enum_names(job_status);
std::vector<std::string> const& enum_names(backoff_kind);
std::vector<std::string> const& enum_names(dependency_rule);

constexpr bool is_terminal(job_status s) {
  return s >= job_status::succeeded;
}

/// Under which conditions a job may start, how long it may run and how often it is tried. Absent
/// values get the defaults of its kind when the job is admitted (`with_defaults`), so that a record
/// shows what holds.
struct constraints {
  static constexpr char const* type_name = "constraints";
  std::optional<std::int32_t> max_retries;  // own failures allowed = max_retries + 1
  std::int32_t max_infra_retries = 10;
  std::int64_t retry_backoff_ms = 1000;
  backoff_kind backoff = backoff_kind::exponential;
  std::int64_t max_backoff_ms = 60'000;
  milli jitter{50};                        // part of the delay, 0..1
  std::optional<std::int64_t> timeout_ms;  // of one attempt; 0: none
  std::int64_t grace_ms = 10'000;
  std::string stop_signal = "SIGTERM";
  timestamp deadline;
  timestamp not_before;
  std::vector<job_id> depends_on;  // all have to succeed first
  std::vector<job_id> after_any;   // all have to end first, however
  dependency_rule on_failed_dependency = dependency_rule::fail;
  std::string concurrency_group;  // of the tenant's jobs; empty: none
  std::int32_t max_concurrent_in_group =
      1;  // attempts of the group at once; the same for all its live jobs
  std::vector<std::string> required_backends;
  std::vector<std::string> preferred_backends;
  std::vector<std::string> excluded_backends;
  std::int64_t estimated_duration_ms = 0;
  bool preemptible = false;  // may be stopped for more urgent work, and is tried again then
  std::optional<micro> max_cost_usd;  // of all attempts together, above 0; stopped at it

  static constexpr auto fields() {
    return std::tuple{field{"max_retries", &constraints::max_retries},
                      field{"max_infra_retries", &constraints::max_infra_retries},
                      field{"retry_backoff_ms", &constraints::retry_backoff_ms},
                      field{"backoff", &constraints::backoff},
                      field{"max_backoff_ms", &constraints::max_backoff_ms},
                      field{"jitter", &constraints::jitter},
                      field{"timeout_ms", &constraints::timeout_ms},
                      field{"grace_ms", &constraints::grace_ms},
                      field{"stop_signal", &constraints::stop_signal},
                      field{"deadline", &constraints::deadline},
                      field{"not_before", &constraints::not_before},
                      field{"depends_on", &constraints::depends_on},
                      field{"after_any", &constraints::after_any},
                      field{"on_failed_dependency", &constraints::on_failed_dependency},
                      field{"concurrency_group", &constraints::concurrency_group},
                      field{"max_concurrent_in_group", &constraints::max_concurrent_in_group},
                      field{"required_backends", &constraints::required_backends},
                      field{"preferred_backends", &constraints::preferred_backends},
                      field{"excluded_backends", &constraints::excluded_backends},
                      field{"estimated_duration_ms", &constraints::estimated_duration_ms},
                      field{"preemptible", &constraints::preemptible},
                      field{"max_cost_usd", &constraints::max_cost_usd}};
  }
  friend bool operator==(constraints const&, constraints const&) = default;
};

/// Fills in the defaults that depend on the kind of job: retries 3 (experiment stages 1, training
/// 2, `command` jobs 0), timeout one hour (`command` jobs none).
void apply_defaults(constraints& c, job_kind kind);

/// Jobs that have to end before a job with these constraints, of either kind.
std::size_t dependencies_of(constraints const& c);

/// The first value outside its bounds, with its field below `path`.
std::optional<error_info> check(constraints const& c, std::string const& path = "constraints");

/// The children of an array job: one an index, first, first + step, ... up to last.
struct array_spec {
  static constexpr char const* type_name = "array_spec";
  std::int64_t first = 0;
  std::int64_t last = 0;
  std::int64_t step = 1;
  std::int64_t limit = 0;             // most children at once; 0: no limit
  std::vector<std::int64_t> indices;  // when not empty: exactly these, instead of the range

  static constexpr auto fields() {
    return std::tuple{field{"first", &array_spec::first}, field{"last", &array_spec::last},
                      field{"step", &array_spec::step}, field{"limit", &array_spec::limit},
                      field{"indices", &array_spec::indices}};
  }
  friend bool operator==(array_spec const&, array_spec const&) = default;
};

std::int64_t count_of(array_spec const& a);
std::int64_t index_at(array_spec const& a, std::int64_t position);

/// One stage of an experiment: becomes a child job. `after` holds positions in the pipeline; the
/// context of those flows into this one. With `reuse` it runs nowhere: it succeeds at once, with
/// result and context of that job, which is the tenant's and has succeeded.
struct step_spec {
  static constexpr char const* type_name = "step_spec";
  std::string name;
  std::string stage;
  json_text options;
  nsai::resources resources;
  nsai::constraints constraints;
  std::vector<std::uint32_t> after;
  std::optional<nsai::priority> priority;  // absent: the experiment's
  job_id reuse;                            // 0: none

  static constexpr auto fields() {
    return std::tuple{field{"name", &step_spec::name},
                      field{"stage", &step_spec::stage},
                      field{"options", &step_spec::options},
                      field{"resources", &step_spec::resources},
                      field{"constraints", &step_spec::constraints},
                      field{"after", &step_spec::after},
                      field{"priority", &step_spec::priority},
                      field{"reuse", &step_spec::reuse}};
  }
  friend bool operator==(step_spec const&, step_spec const&) = default;
};

/// Whatever was computed or is being computed, as a share of the whole and a word about it.
struct progress_info {
  static constexpr char const* type_name = "progress_info";
  milli fraction;  // 0..1
  std::string text;

  static constexpr auto fields() {
    return std::tuple{field{"fraction", &progress_info::fraction},
                      field{"text", &progress_info::text}};
  }
  friend bool operator==(progress_info const&, progress_info const&) = default;
};

struct submission;
/// How many jobs that run somewhere it becomes.
std::int64_t jobs_of(submission const& s);

/// What a client asks for. With `array`, a `pipeline` or `nodes` above 1 it becomes a parent job
/// with children.
struct submission {
  static constexpr char const* type_name = "submission";
  std::string key;     // idempotency: the same key of one tenant gives the same job; empty: none
  std::string unique;  // while a job of the tenant with this word lives, it is the answer; empty:
                       // none
  std::string name;  // what jobs of the same batch call it, and dependents its output; empty: none
  std::vector<std::string> after;  // names in the same batch: of jobs that have to succeed first
  std::vector<std::string> after_any;  // likewise: that have to end first, however
  std::string tenant_id = "default";
  std::string name_space = "default";
  std::string owner;
  job_kind kind = job_kind::tool_call;
  nsai::priority priority = nsai::priority::batch;
  std::vector<std::string> tags;
  std::string stage;
  json_text options;
  json_text context;
  nsai::resources resources;
  nsai::constraints constraints;
  json_text
      metadata;  // object; experiment_id, experiment_type, experiment_name, source and free ones
  std::string trace_id;  // 32 hex digits; empty: a new one
  std::optional<array_spec> array;
  std::int32_t nodes = 1;  // more: a gang, one member on each of so many nodes, all or none
  std::vector<step_spec> pipeline;
  job_id retry_of;

  static constexpr auto fields() {
    return std::tuple{field{"key", &submission::key},
                      field{"unique", &submission::unique},
                      field{"name", &submission::name},
                      field{"after", &submission::after},
                      field{"after_any", &submission::after_any},
                      field{"tenant_id", &submission::tenant_id},
                      field{"namespace", &submission::name_space},
                      field{"owner", &submission::owner},
                      field{"kind", &submission::kind},
                      field{"priority", &submission::priority},
                      field{"tags", &submission::tags},
                      field{"stage", &submission::stage},
                      field{"options", &submission::options},
                      field{"context", &submission::context},
                      field{"resources", &submission::resources},
                      field{"constraints", &submission::constraints},
                      field{"metadata", &submission::metadata},
                      field{"trace_id", &submission::trace_id},
                      field{"array", &submission::array},
                      field{"nodes", &submission::nodes},
                      field{"pipeline", &submission::pipeline},
                      field{"retry_of", &submission::retry_of}};
  }
  friend bool operator==(submission const&, submission const&) = default;
};

/// Checks everything about a submission that needs no knowledge of the cluster (names, bounds,
/// shapes), and completes it: defaults by kind, one GPU for a bare pattern. Returns the first
/// fault.
std::optional<error_info> complete_and_check(submission& s);

/// Tenants, namespaces, nodes and groups: `[A-Za-z0-9][A-Za-z0-9._-]{0,63}`.
bool is_name(std::string const& text);

}  // namespace nsai
