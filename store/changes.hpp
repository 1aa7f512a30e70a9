#pragma once

#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "messages/api.hpp"
#include "messages/recurrence.hpp"

/// Everything that a commit can change. A list of changes is done as a whole or not at all, in its
/// order.
namespace nsai::store {

/// A job that is not a child of an array. The numbers of a parent's children follow its own without
/// a gap.
struct insert_job {
  job_record record;
  std::string key;
  std::optional<array_spec> array;
  std::vector<std::uint32_t> after;
  std::uint32_t position = 0;
  std::uint64_t children = 0;
  std::string key_digest;  // of what was asked under `key`, for the caller to compare
};
/// Children of an array or members of a gang, with what each has of its own; the rest of the record
/// and the payload are kept once, with the parent.
struct insert_children {
  struct child {
    job_id id;
    std::uint32_t position = 0;
    std::optional<std::int64_t> array_index;  // of a gang's member: none
    job_status status = job_status::queued;
  };
  job_id parent;
  job_kind kind = job_kind::tool_call;
  nsai::priority priority = nsai::priority::batch;
  timestamp created_at;
  std::vector<child> list;
};
/// Jobs that were submitted right after `like` with requests equal to its own, but for their
/// options and trace ids: the rest of the payload is kept once. Numbers follow that of `like`
/// without a gap, which has to be inserted by the same commit, with neither key, parent nor
/// children.
struct insert_alike {
  struct job {
    timestamp created_at;
    job_status status = job_status::queued;
    json_text options;  // not empty
    std::string trace_id;
  };
  job_id like;
  job_kind kind = job_kind::tool_call;
  nsai::priority priority = nsai::priority::batch;
  std::vector<job> list;
};
struct change_job {
  job_id id;
  job_status status = job_status::pending;
  std::int32_t own_failures = 0;
  std::int32_t infra_failures = 0;
  timestamp eligible_at;
  timestamp queued_at;  // 0: unchanged
  bool cancel_requested = false;
  bool handed_back = false;  // the running attempt was stopped by a drain, with its gang, or
  bool preempted = false;    // for another job
  std::int32_t preemptions = 0;
  attempt_no attempt = 0;  // of a gang's parent: raises the number, as of `started_at`
  timestamp started_at{};
};
/// An order that is over is removed.
struct set_node_order {
  node_order order;
};
/// The attempt's number has to be larger than every one the job had before; else the commit fails.
/// `want_payload`: the answer to the commit brings options and context along (from the store's
/// rows).
struct grant_attempt {
  attempt_ref ref;
  std::string node_uuid;
  std::string node_name;
  std::uint64_t incarnation = 0;
  std::vector<device_grant> devices;
  timestamp started_at;
  bool want_payload = false;
  std::int64_t cost_rate = 0;  // millionths of a USD an hour
};
/// An attempt is over and another may follow. Of the last granted one, node, devices and start may
/// be left out.
struct close_attempt {
  job_id job;
  attempt_record attempt;
  micro cost{};               // of the job, up to now
  bool keeps_result = false;  // of a gang's member that has succeeded before the others
  json_text result{};
  json_text context{};
  std::string backend{};
};
struct end_job {
  job_id id;
  job_status status = job_status::succeeded;
  timestamp completed_at;
  std::int64_t duration_ms = 0;  // of the last attempt: its start is completed_at - duration_ms
  json_text result;
  json_text context;  // after the stage; empty: none
  std::optional<error_info> error;
  std::string worker;
  std::string backend;
  std::int64_t peak_memory_mb = 0;  // of the last attempt; 0: not measured
  std::int64_t peak_gpu_memory_mb = 0;
  std::vector<job_id> context_from;  // an experiment: the result is the merged contexts of these
  micro cost{};                      // of all its attempts
  bool has_kept = false;             // result and context are those that `close_attempt` has kept
  job_id result_of;  // a gang or a reused step: result and context of this one; 0: none
};
/// Events get numbers up to this one without another commit.
struct reserve_events {
  std::uint64_t up_to = 0;
};

/// What all ended attempts of a tenant's jobs have cost.
struct put_spending {
  std::string tenant_id;
  micro spent;
};

/// Takes the place of what had the same tenant and name.
struct put_recurrence {
  std::shared_ptr<recurrence const> record;  // always there
};
struct remove_recurrence {
  std::string tenant_id;
  std::string name;
};

/// What owners have used of the cluster until `at` takes the place of what was stored before.
struct put_usage {
  struct owner {
    std::string tenant_id;
    std::string name;
    std::int64_t cpu_ms = 0;       // thousandths of a core × seconds
    std::int64_t memory_mb_s = 0;  // MiB × seconds
    std::int64_t gpu_ms = 0;       // thousandths of a device × seconds
    friend bool operator==(owner const&, owner const&) = default;
  };
  timestamp at;
  std::vector<owner> list;
};

/// The record of a new job is by far the largest of the changes; it lies apart, so that a list of
/// changes stays small and cheap to move.
class boxed_insert {
 public:
  boxed_insert(insert_job insert) : insert_(std::make_unique<insert_job>(std::move(insert))) {}
  boxed_insert(boxed_insert const& other) : boxed_insert(*other.insert_) {}
  boxed_insert(boxed_insert&&) noexcept = default;
  boxed_insert& operator=(boxed_insert other) noexcept {
    insert_ = std::move(other.insert_);
    return *this;
  }
  ~boxed_insert() = default;
  insert_job& operator*() const noexcept { return *insert_; }

 private:
  std::unique_ptr<insert_job> insert_;
};

using change = std::variant<boxed_insert, insert_children, insert_alike, change_job, grant_attempt,
                            close_attempt, end_job, reserve_events, put_usage, set_node_order,
                            put_recurrence, remove_recurrence, put_spending>;

}  // namespace nsai::store
