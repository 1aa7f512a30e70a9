#pragma once

#include <map>
#include <string>
#include <vector>

#include "messages/attempt.hpp"

namespace nsai {

/// The version of everything under messages/. Peers of different versions refuse each other at the
/// gate.
inline constexpr std::uint32_t protocol_version = 7;

/// Client or node -> gate, first message: asks for a challenge.
struct knock {
  static constexpr char const* type_name = "knock";
  std::uint32_t version = 0;  // protocol_version; no default, which would not travel
  static constexpr auto fields() { return std::tuple{field{"version", &knock::version}}; }
};

/// Gate -> caller. The caller proves the secret with HMAC-SHA256(secret, nonce).
struct challenge {
  static constexpr char const* type_name = "challenge";
  std::uint32_t version = 0;
  std::string nonce;  // 64 hex digits, valid once
  static constexpr auto fields() {
    return std::tuple{field{"version", &challenge::version}, field{"nonce", &challenge::nonce}};
  }
};

/// Caller -> gate: earns the scheduler's handle, which travels beside `welcome`.
struct hello {
  static constexpr char const* type_name = "hello";
  std::string nonce;
  std::string proof;  // 64 hex digits
  static constexpr auto fields() {
    return std::tuple{field{"nonce", &hello::nonce}, field{"proof", &hello::proof}};
  }
};

/// An answer that is either done (no error) or refused.
struct answer {
  static constexpr char const* type_name = "answer";
  std::optional<error_info> error;
  static constexpr auto fields() { return std::tuple{field{"error", &answer::error}}; }
};

/// Client -> scheduler. Each submission is accepted or refused by itself; with `all_or_none`, or
/// when some of them name others of the batch (`submission::after`), all are accepted, or none is
/// and each result says why. With `subscribe`, the sender gets `jobs_ended` for the accepted ones
/// (of an array or experiment: for the parent only).
struct submit_jobs {
  static constexpr char const* type_name = "submit_jobs";
  std::vector<submission> jobs;
  bool subscribe = false;
  bool all_or_none = false;
  static constexpr auto fields() {
    return std::tuple{field{"jobs", &submit_jobs::jobs},
                      field{"subscribe", &submit_jobs::subscribe},
                      field{"all_or_none", &submit_jobs::all_or_none}};
  }
};

/// Either the numbers given (children are `first_child` ... + `children` - 1), durable, or the
/// refusal.
struct submit_result {
  static constexpr char const* type_name = "submit_result";
  job_id id;  // the job, or the parent of an array or experiment
  job_id first_child;
  std::uint64_t children = 0;
  std::optional<error_info> error;
  bool existing = false;  // a live job with the same `unique` word: none was made
  static constexpr auto fields() {
    return std::tuple{
        field{"id", &submit_result::id}, field{"first_child", &submit_result::first_child},
        field{"children", &submit_result::children}, field{"error", &submit_result::error},
        field{"existing", &submit_result::existing}};
  }
  friend bool operator==(submit_result const&, submit_result const&) = default;
};

struct submit_reply {
  static constexpr char const* type_name = "submit_reply";
  std::vector<submit_result> results;  // in the order of the submissions
  static constexpr auto fields() { return std::tuple{field{"results", &submit_reply::results}}; }
};

struct job_end {
  static constexpr char const* type_name = "job_end";
  job_id id;
  job_status status = job_status::succeeded;
  attempt_no attempt = 0;
  json_text result;
  std::optional<error_info> error;
  static constexpr auto fields() {
    return std::tuple{field{"id", &job_end::id}, field{"status", &job_end::status},
                      field{"attempt", &job_end::attempt}, field{"result", &job_end::result},
                      field{"error", &job_end::error}};
  }
};

/// Scheduler -> subscriber, one message a commit. Sent once for a subscription and job.
struct jobs_ended {
  static constexpr char const* type_name = "jobs_ended";
  std::vector<job_end> jobs;
  static constexpr auto fields() { return std::tuple{field{"jobs", &jobs_ended::jobs}}; }
};

/// Client -> scheduler: subscribe to the ends of these jobs. Ends that lie in the past are told at
/// once, by `jobs_ended`. Answered by `answer`: not_found names the first number that is unknown to
/// the tenant.
struct watch_jobs {
  static constexpr char const* type_name = "watch_jobs";
  std::string tenant_id;
  std::vector<job_id> jobs;
  static constexpr auto fields() {
    return std::tuple{field{"tenant_id", &watch_jobs::tenant_id}, field{"jobs", &watch_jobs::jobs}};
  }
};

/// Client -> scheduler; answered by `job_list` in the order asked; an unknown number gives `error`.
struct get_jobs {
  static constexpr char const* type_name = "get_jobs";
  std::string tenant_id;
  std::vector<job_id> jobs;
  static constexpr auto fields() {
    return std::tuple{field{"tenant_id", &get_jobs::tenant_id}, field{"jobs", &get_jobs::jobs}};
  }
};

/// Client -> scheduler; answered by `job_list`, newest first. Empty filters match everything.
struct list_jobs {
  static constexpr char const* type_name = "list_jobs";
  std::string tenant_id;  // empty: all tenants
  std::string name_space;
  std::vector<job_status> statuses;
  std::string experiment;  // metadata.experiment_id, or the number of the experiment's parent job
  std::int64_t limit = 100;
  std::optional<job_kind> kind;
  static constexpr auto fields() {
    using l = list_jobs;
    return std::tuple{field{"tenant_id", &l::tenant_id}, field{"namespace", &l::name_space},
                      field{"statuses", &l::statuses},   field{"experiment", &l::experiment},
                      field{"limit", &l::limit},         field{"kind", &l::kind}};
  }
};

struct job_list {
  static constexpr char const* type_name = "job_list";
  std::vector<job_record> jobs;
  std::optional<error_info> error;
  std::shared_ptr<void const> receipt{};  // not sent; whoever made it knows that it has been
  static constexpr auto fields() {
    return std::tuple{field{"jobs", &job_list::jobs}, field{"error", &job_list::error}};
  }
};

/// Client -> scheduler; answered by `answer` once the request is durable.
struct cancel_jobs {
  static constexpr char const* type_name = "cancel_jobs";
  std::string tenant_id;
  std::vector<job_id> jobs;
  static constexpr auto fields() {
    return std::tuple{field{"tenant_id", &cancel_jobs::tenant_id},
                      field{"jobs", &cancel_jobs::jobs}};
  }
};

/// Client -> scheduler; answered by `submit_reply` with one new job for each. A repeat with the
/// same key and job makes no second one.
struct retry_jobs {
  static constexpr char const* type_name = "retry_jobs";
  std::string tenant_id;
  std::vector<job_id> jobs;
  std::string key;  // empty: none
  static constexpr auto fields() {
    return std::tuple{field{"tenant_id", &retry_jobs::tenant_id}, field{"jobs", &retry_jobs::jobs},
                      field{"key", &retry_jobs::key}};
  }
};

/// Client -> scheduler -> executor; answered by `log_chunk`. The reader asks again from
/// `next_offset`.
struct read_log {
  static constexpr char const* type_name = "read_log";
  std::string tenant_id;
  job_id job;
  attempt_no attempt = 0;  // 0: the latest
  std::int64_t offset = 0;
  static constexpr auto fields() {
    return std::tuple{field{"tenant_id", &read_log::tenant_id}, field{"job", &read_log::job},
                      field{"attempt", &read_log::attempt}, field{"offset", &read_log::offset}};
  }
};

struct log_chunk {
  static constexpr char const* type_name = "log_chunk";
  attempt_no attempt = 0;
  std::int64_t offset = 0;
  std::string bytes;  // at most 1 MiB
  std::int64_t next_offset = 0;
  bool complete = false;  // the attempt has ended and nothing more will come
  std::optional<error_info> error;
  static constexpr auto fields() {
    using l = log_chunk;
    return std::tuple{field{"attempt", &l::attempt},   field{"offset", &l::offset},
                      field{"bytes", &l::bytes},       field{"next_offset", &l::next_offset},
                      field{"complete", &l::complete}, field{"error", &l::error}};
  }
};

struct list_nodes {
  static constexpr char const* type_name = "list_nodes";
  bool all = true;
  static constexpr auto fields() { return std::tuple{field{"all", &list_nodes::all}}; }
};
struct node_list {
  static constexpr char const* type_name = "node_list";
  std::vector<node_record> nodes;
  static constexpr auto fields() { return std::tuple{field{"nodes", &node_list::nodes}}; }
};

/// What can be run: the union over the nodes. Answered by `stage_list`; an empty name asks for all.
struct list_stages {
  static constexpr char const* type_name = "list_stages";
  std::string name;
  static constexpr auto fields() { return std::tuple{field{"name", &list_stages::name}}; }
};
struct stage_list {
  static constexpr char const* type_name = "stage_list";
  std::vector<stage_description> stages;
  std::optional<error_info> error;
  static constexpr auto fields() {
    return std::tuple{field{"stages", &stage_list::stages}, field{"error", &stage_list::error}};
  }
};

}  // namespace nsai
