#pragma once

#include <functional>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "messages/api.hpp"
#include "store/store_error.hpp"

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
/// Children of an array, with what each has of its own; the rest of the record and the payload are
/// kept once, with the parent.
struct insert_children {
  struct child {
    job_id id;
    std::uint32_t position = 0;
    std::int64_t array_index = 0;
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
  bool handed_back = false;  // the running attempt was stopped by a drain
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
};
/// An attempt is over and another may follow. Of the last granted one, node, devices and start may
/// be left out.
struct close_attempt {
  job_id job;
  attempt_record attempt;
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
  std::vector<job_id> context_from;  // an experiment: the result is the merged contexts of these
};
/// Events get numbers up to this one without another commit.
struct reserve_events {
  std::uint64_t up_to = 0;
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
                            close_attempt, end_job, reserve_events, set_node_order>;

/// What an attempt is started with: the payload of the job, with the contexts of the jobs it
/// follows merged in.
struct payload {
  job_id job;
  json_text options;
  json_text context;
};

/// A job that had not ended, as found at a start.
struct unfinished_job {
  job_record record;  // without options, context, result and attempts
  std::string key;
  std::optional<array_spec> array;
  std::vector<std::uint32_t> after;
  std::uint32_t position = 0;
  std::string node_uuid;
  std::uint64_t incarnation = 0;
  std::int32_t own_failures = 0;
  std::int32_t infra_failures = 0;
  timestamp eligible_at;
  std::string key_digest;
  std::uint64_t children = 0;
  bool cancel_requested = false;
  bool handed_back = false;
};
struct ended_child {
  job_id parent;
  job_id child;
  job_status status = job_status::succeeded;
  std::vector<std::uint32_t> after;
};

struct store_options {
  std::string path;  // of the database file; its directory exists and is private
  /// Merges the contexts (JSON texts) of several predecessors over a base, in order; given by the
  /// caller.
  std::function<std::string(std::string const& base, std::vector<std::string> const& contexts)>
      merge_contexts;
  std::string
      vfs;  // the SQLite file layer to use, empty: the usual; tests pass one that forgets and fails
};

struct removal {
  std::int64_t jobs = 0;
  bool more = false;
};

/// Durable jobs. One writer; not thread-safe (one thread owns an instance; a second instance opened
/// read-only on the same path may read beside it).
///
/// Crash behaviour: when `commit` has returned, all its changes survive a crash of the process and
/// of the machine (SQLite: WAL, synchronous=FULL). When it throws, none of them is there, and the
/// next commit may be tried; when the process or machine dies in it, all of them are there or none.
/// Errors: every function throws store_error. A change of a job that is unknown or has ended is
/// one, too.
class job_store {
 public:
  enum class access : std::uint8_t { read_write, read_only };
  explicit job_store(store_options options, access mode = access::read_write);
  ~job_store();
  job_store(job_store const&) = delete;
  job_store& operator=(job_store const&) = delete;

  /// All of `changes`, or none. Returns the payloads that grants wanted, in their order.
  std::vector<payload> commit(std::vector<change> const& changes);
  /// Succeeds exactly when a commit could: writes and removes a row of some pages.
  void probe();

  job_id last_used() const;
  /// The last number that may have been given to an event.
  std::uint64_t events_reserved() const;
  /// Calls back for every unfinished job, parents before their children, in ascending order.
  void load_unfinished(std::function<void(unfinished_job&&)> const& each) const;
  /// Calls back for every ended child of an unfinished parent.
  void load_ended_children(std::function<void(ended_child const&)> const& each) const;
  /// What is ordered for nodes, by uuid.
  std::vector<node_order> node_orders() const;
  /// The statuses of those of `jobs` that exist.
  std::vector<std::pair<job_id, job_status>> statuses(std::vector<job_id> const& jobs) const;

  /// The whole record, with its attempts; `include_payload` brings options, context and result.
  std::optional<job_record> find(job_id job, bool include_payload = true) const;
  /// Newest first. Payloads are left out.
  std::vector<job_record> list(list_jobs const& filter) const;
  std::vector<job_id> children(job_id parent) const;
  /// What the job with this key was answered with, if its record exists, and the digest of what was
  /// asked.
  std::optional<submit_result> find_key(std::string const& tenant, std::string const& key) const;
  /// The digest that was inserted with this key; empty when the key is unknown.
  std::string key_digest(std::string const& tenant, std::string const& key) const;
  /// The submission from which a new job like this one can be made: of an array, with those of its
  /// children that did not succeed (all, if all did); of a child, a job of its own that starts with
  /// the context it would get.
  std::optional<submission> as_submission(job_id job) const;
  /// How many jobs have each status, of all that were ever made (also those that retention
  /// removed).
  std::vector<std::pair<job_status, std::int64_t>> counts() const;

  /// Removes ended jobs completed before `before`, at most `most` of them, parents with all their
  /// children. A parent with more than `most` - 1 children is removed nevertheless, by itself.
  /// While there may be more to remove, the next call goes on where this one stopped.
  removal remove_ended(timestamp before, std::int64_t most);
  /// PRAGMA integrity_check; empty when sound, else what is wrong.
  std::string integrity() const;

 private:
  struct state;
  std::unique_ptr<state> state_;
};

}  // namespace nsai::store
