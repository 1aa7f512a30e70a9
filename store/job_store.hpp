#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "messages/api.hpp"
#include "store/changes.hpp"
#include "store/store_error.hpp"

namespace nsai::store {
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
  bool preempted = false;
  std::int64_t cost_rate = 0;          // of the running attempt
  std::optional<attempt_record> over;  // of a running one whose last attempt was closed
};
struct ended_child {
  job_id parent;
  job_id child;
  job_status status = job_status::succeeded;
  std::vector<std::uint32_t> after;
};

struct known_job {
  job_id id;
  job_status status = job_status::succeeded;
  std::string tenant_id;
};

struct store_options {
  std::string path;  // of the database file; its directory exists and is private
  /// Merges a second context into the first, both grown from one ancestor; given by the caller.
  /// Throws nothing, whatever the JSON is.
  std::function<void(json& first, json const& ancestor, json const& second)> merge_contexts;
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
  put_usage usage() const;
  /// The last number that may have been given to an event.
  std::uint64_t events_reserved() const;
  /// Calls back for every unfinished job, parents before their children, in ascending order.
  void load_unfinished(std::function<void(unfinished_job&&)> const& each) const;
  /// Calls back for every ended child of an unfinished parent.
  void load_ended_children(std::function<void(ended_child const&)> const& each) const;
  /// What is ordered for nodes, by uuid.
  std::vector<node_order> node_orders() const;
  /// What recurs, by tenant and name.
  std::vector<recurrence> recurrences() const;
  /// What tenants have spent, by name.
  std::vector<put_spending> spending() const;
  /// The statuses of those of `jobs` that exist.
  std::vector<known_job> statuses(std::vector<job_id> const& jobs) const;

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
