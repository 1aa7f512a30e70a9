#pragma once

#include <string>
#include <vector>

#include "messages/job.hpp"

namespace nsai {

/// How an attempt ended.
///   succeeded        the stage returned a result
///   failed           the stage's own failure: error, exit status, signal, memory excess
///   timed_out        stopped because constraints.timeout_ms had passed; an own failure too
///   canceled         stopped because the job was canceled or its deadline passed
///   lost             its node went away; infrastructure
///   returned         handed back unfinished at drain or shutdown; infrastructure
///   device_fault     a GPU fault of the hardware; infrastructure
///   revoked          a later attempt took its place; the outcome, if any, was refused
enum class attempt_result : std::uint8_t {
  none,
  succeeded,
  failed,
  timed_out,
  canceled,
  lost,
  returned,
  device_fault,
  revoked
};
std::vector<std::string> const& enum_names(attempt_result);

struct attempt_record {
  static constexpr char const* type_name = "attempt_record";
  attempt_no number = 0;
  std::string node;
  std::string worker;
  std::vector<device_grant> devices;
  timestamp started_at;
  std::int64_t duration_ms = 0;
  attempt_result outcome = attempt_result::none;  // none: not ended
  std::optional<error_info> error;
  std::int64_t peak_memory_mb = 0;  // 0: not measured
  std::int64_t peak_gpu_memory_mb = 0;

  static constexpr auto fields() {
    return std::tuple{field{"number", &attempt_record::number},
                      field{"node", &attempt_record::node},
                      field{"worker", &attempt_record::worker},
                      field{"devices", &attempt_record::devices},
                      field{"started_at", &attempt_record::started_at},
                      field{"duration_ms", &attempt_record::duration_ms},
                      field{"outcome", &attempt_record::outcome},
                      field{"error", &attempt_record::error},
                      field{"peak_memory_mb", &attempt_record::peak_memory_mb},
                      field{"peak_gpu_memory_mb", &attempt_record::peak_gpu_memory_mb}};
  }
  friend bool operator==(attempt_record const&, attempt_record const&) = default;
};

/// Everything known about a job, as clients see it.
struct job_record {
  static constexpr char const* type_name = "job_record";
  job_id id;
  std::optional<job_id> parent_id;
  std::optional<job_id> retry_of;
  std::optional<std::int64_t> array_index;
  std::optional<std::int64_t> nodes;  // of a gang and its members: how many members
  std::optional<std::int64_t> rank;   // of a member
  std::string tenant_id;
  std::string name_space;
  std::string owner;
  job_kind kind = job_kind::tool_call;
  nsai::priority priority = nsai::priority::batch;
  std::vector<std::string> tags;
  std::string stage;
  std::string name;    // as submitted; of an experiment's child: of its step
  std::string unique;  // as submitted
  json_text options;
  json_text context;
  nsai::resources resources;
  nsai::constraints constraints;
  job_status status = job_status::pending;
  std::string wait_reason;  // in words, while the job waits
  timestamp created_at;
  timestamp queued_at;
  timestamp started_at;
  timestamp completed_at;
  std::string backend;  // in_process, stage_host or command
  std::string node;
  std::string worker;
  std::vector<device_grant> devices;
  attempt_no attempt = 0;
  std::vector<attempt_record> attempts;
  progress_info progress;
  json_text result;
  std::optional<error_info> error;
  std::string trace_id;
  json_text metadata;
  std::optional<micro> cost_usd;
  std::int32_t preemptions = 0;  // attempts that were stopped for other jobs
  // What its ended attempts have held of GPUs, each by its share; of a whole record only.
  milli gpu_seconds;
  // Array of {"name", "kind", "path", "bytes", "sha256", "job", "node", ...}: those that its
  // context names, of stages before it, too. Of a whole record only; empty: none.
  json_text artifacts;

  static constexpr auto fields() {
    using r = job_record;
    return std::tuple{field{"id", &r::id},
                      field{"parent_id", &r::parent_id},
                      field{"retry_of", &r::retry_of},
                      field{"array_index", &r::array_index},
                      field{"nodes", &r::nodes},
                      field{"rank", &r::rank},
                      field{"tenant_id", &r::tenant_id},
                      field{"namespace", &r::name_space},
                      field{"owner", &r::owner},
                      field{"kind", &r::kind},
                      field{"priority", &r::priority},
                      field{"tags", &r::tags},
                      field{"stage", &r::stage},
                      field{"name", &r::name},
                      field{"unique", &r::unique},
                      field{"options", &r::options},
                      field{"context", &r::context},
                      field{"resources", &r::resources},
                      field{"constraints", &r::constraints},
                      field{"status", &r::status},
                      field{"wait_reason", &r::wait_reason},
                      field{"created_at", &r::created_at},
                      field{"queued_at", &r::queued_at},
                      field{"started_at", &r::started_at},
                      field{"completed_at", &r::completed_at},
                      field{"backend", &r::backend},
                      field{"node", &r::node},
                      field{"worker", &r::worker},
                      field{"devices", &r::devices},
                      field{"attempt", &r::attempt},
                      field{"attempts", &r::attempts},
                      field{"progress", &r::progress},
                      field{"result", &r::result},
                      field{"error", &r::error},
                      field{"trace_id", &r::trace_id},
                      field{"metadata", &r::metadata},
                      field{"cost_usd", &r::cost_usd},
                      field{"preemptions", &r::preemptions},
                      field{"gpu_seconds", &r::gpu_seconds},
                      field{"artifacts", &r::artifacts}};
  }
  friend bool operator==(job_record const&, job_record const&) = default;
};

}  // namespace nsai
