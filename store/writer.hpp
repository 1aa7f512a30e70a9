#pragma once

#include "store/contexts.hpp"
#include "store/job_store.hpp"
#include "store/live_jobs.hpp"
#include "store/sqlite.hpp"

namespace nsai::store {

/// Everything that changes the database, each public function in one transaction of its own.
class writer {
 public:
  writer(sqlite::database& on, contexts& flow);

  std::vector<payload> commit(std::vector<change> const& changes);
  void probe();
  removal remove_ended(timestamp before, std::int64_t most);
  job_id last_used() const noexcept { return last_used_; }

 private:
  template <class Work>
  void in_transaction(char const* doing, Work work);

  void apply(boxed_insert const& c);
  void apply(insert_children const& c);
  void apply(insert_alike const& c);
  void apply(change_job const& c);
  void apply(grant_attempt const& c);
  void apply(close_attempt const& c);
  void apply(reserve_events const& c);
  void apply(put_usage const& c);
  void apply(set_node_order const& c);
  void apply(put_recurrence const& c);
  void apply(remove_recurrence const& c);
  void apply(put_spending const& c);
  void apply(end_job const& c);
  void need_new(job_id job) const;
  void insert_payload(insert_job const& c);
  void write_meta(job_id last_used);
  struct family {
    job_id top;
    std::uint64_t children = 0;
    job_id payload_of;
  };
  struct candidate {
    family of;
    job_status status = job_status::queued;
    timestamp created_at;
    timestamp completed_at;
  };
  /// The first family whose top has this number or a higher one.
  std::optional<candidate> first_from(job_id start);
  std::int64_t remove(family const& f);
  void need_live(job_id job, char const* doing) const;

  sqlite::database& on_;
  contexts& flow_;
  live_jobs live_;
  job_id last_used_;
  job_id highest_;  // as last_used_, with the commit being made
  std::vector<payload> payloads_;
  job_id retention_at_;  // where the next call of remove_ended goes on

  sqlite::statement begin_{on_, "BEGIN IMMEDIATE", "starting a transaction"};
  sqlite::statement end_{on_, "COMMIT", "committing"};
  sqlite::statement insert_payload_{
      on_,
      "INSERT INTO payloads(job, children, tenant, namespace, owner, stage, name, "
      "tags, retry_of, trace_id, experiment_id, key, key_digest, array, after, "
      "resources, constraints, metadata, options, context, unique_word) "
      "VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
      "inserting the payload of a job"};
  sqlite::statement insert_job_{
      on_,
      "INSERT INTO jobs(id, payload_of, parent, position, array_index, kind, priority, "
      "status, attempt, created_at, queued_at, started_at, completed_at, error, result) "
      "VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
      "inserting a job"};
  sqlite::statement insert_alike_{
      on_,
      "INSERT INTO jobs(id, payload_of, position, kind, priority, status, attempt, created_at, "
      "queued_at, started_at, completed_at, options, trace_id) "
      "VALUES(?1,?2,0,?3,?4,?5,0,?6,?7,0,0,?8,?9)",
      "inserting a job"};
  sqlite::statement set_alike_{on_, "UPDATE payloads SET alike = ?2 WHERE job = ?1",
                               "inserting a job"};
  sqlite::statement change_{
      on_,
      "UPDATE jobs SET status = ?2, own_failures = ?3, infra_failures = ?4, eligible_at = ?5, "
      "queued_at = coalesce(?6, queued_at), cancel_requested = ?7, "
      "handed_back = ?8, preemptions = ?9, started_at = iif(?10 > attempt, ?11, started_at), "
      "attempt = max(attempt, ?10) WHERE id = ?1",
      "changing a job"};
  sqlite::statement grant_{
      on_,
      "UPDATE jobs SET status = 2, attempt = ?2, node = ?3, node_uuid = ?4, incarnation = ?5, "
      "devices = ?6, started_at = ?7, eligible_at = 0, worker = NULL, backend = NULL, "
      "cost_rate = ?8 "
      "WHERE id = ?1 AND attempt < ?2",
      "granting an attempt"};
  sqlite::statement close_{
      on_,
      "INSERT OR REPLACE INTO attempts(job, number, outcome, started_at, duration_ms, node, "
      "worker, devices, error, peak_memory, peak_gpu_memory) SELECT id, ?2, ?3, "
      "coalesce(?4, iif(attempt = ?2, started_at, 0)), ?5, "
      "coalesce(?6, iif(attempt = ?2, node, NULL)), ?7, "
      "coalesce(?8, iif(attempt = ?2, devices, NULL)), ?9, ?10, ?11 FROM jobs WHERE id = ?1",
      "closing an attempt"};
  sqlite::statement mark_closed_{
      on_, "UPDATE jobs SET closed = max(closed, ?2), cost = ?3 WHERE id = ?1",
      "closing an attempt"};
  sqlite::statement keep_result_{
      on_, "UPDATE jobs SET result = ?2, context_out = ?3, worker = ?4, backend = ?5 WHERE id = ?1",
      "keeping a result"};
  sqlite::statement result_of_{on_, "SELECT result, context_out FROM jobs WHERE id = ?",
                               "reading the result of a gang's member"};
  // The start is that of the last attempt on its node, by the scheduler's clock; a closed attempt
  // has its own.
  sqlite::statement end_job_{
      on_,
      "UPDATE jobs SET status = ?2, completed_at = ?3, "
      "started_at = iif(attempt > closed, ?3 - ?4, started_at), eligible_at = 0, "
      "result = iif(?11, result, ?5), context_out = iif(?11, context_out, ?6), error = ?7, "
      "worker = coalesce(?8, worker), backend = coalesce(?9, backend), cost = ?10, "
      "peak_memory = ?12, peak_gpu_memory = ?13 WHERE id = ?1",
      "ending a job"};
  sqlite::statement set_meta_{on_, "INSERT OR REPLACE INTO meta(name, value) VALUES(?, ?)",
                              "writing the counters"};
  sqlite::statement forget_usage_{on_, "DELETE FROM usage", "writing what was used"};
  sqlite::statement put_usage_{
      on_, "INSERT INTO usage(at, tenant, owner, cpu, memory, gpu) VALUES(?,?,?,?,?,?)",
      "writing what was used"};
  sqlite::statement put_order_{on_,
                               "INSERT OR REPLACE INTO node_orders(uuid, name, since, deadline, "
                               "reason, windows, dismissed) VALUES(?,?,?,?,?,?,?)",
                               "writing what is ordered for a node"};
  sqlite::statement remove_order_{on_, "DELETE FROM node_orders WHERE uuid = ?",
                                  "writing what is ordered for a node"};
  sqlite::statement put_recurrence_{
      on_, "INSERT OR REPLACE INTO recurrences(tenant, name, record) VALUES(?,?,?)",
      "writing what recurs"};
  sqlite::statement remove_recurrence_{on_, "DELETE FROM recurrences WHERE tenant = ? AND name = ?",
                                       "writing what recurs"};
  sqlite::statement put_spending_{
      on_, "INSERT OR REPLACE INTO spending(tenant, spent) VALUES(?, ?)", "writing what was spent"};
  sqlite::statement put_page_{on_, "INSERT OR IGNORE INTO unfinished(page) VALUES(?)",
                              "writing the pages of unfinished jobs"};
  sqlite::statement remove_page_{on_, "DELETE FROM unfinished WHERE page = ?",
                                 "writing the pages of unfinished jobs"};
  sqlite::statement put_probe_{
      on_, "INSERT OR REPLACE INTO probes(id, filler) VALUES(1, zeroblob(65536))", "probing"};
  sqlite::statement remove_probe_{on_, "DELETE FROM probes", "probing"};
  sqlite::statement find_family_{
      on_,
      "SELECT j.id, p.children, j.payload_of, j.status, j.created_at, j.completed_at "
      "FROM jobs j JOIN payloads p ON p.job = j.payload_of "
      "WHERE j.id >= ?1 AND j.parent IS NULL ORDER BY j.id LIMIT 1",
      "looking for jobs to remove"};
  sqlite::statement remove_attempts_{on_, "DELETE FROM attempts WHERE job BETWEEN ?1 AND ?2",
                                     "removing ended jobs"};
  sqlite::statement remove_payloads_{
      on_, "DELETE FROM payloads WHERE job BETWEEN ?1 AND ?2 AND alike = 0", "removing ended jobs"};
  // The payload of jobs that are alike goes with the last of them.
  sqlite::statement remove_shared_{
      on_,
      "DELETE FROM payloads WHERE job = ?1 AND alike > 0 AND NOT EXISTS ("
      "SELECT 1 FROM jobs WHERE id BETWEEN ?1 AND ?1 + payloads.alike)",
      "removing ended jobs"};
  sqlite::statement remove_jobs_{on_, "DELETE FROM jobs WHERE id BETWEEN ?1 AND ?2",
                                 "removing ended jobs"};
};

}  // namespace nsai::store
