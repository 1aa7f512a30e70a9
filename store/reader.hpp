#pragma once

#include "store/contexts.hpp"
#include "store/encoding.hpp"
#include "store/job_store.hpp"
#include "store/sqlite.hpp"

namespace nsai::store {

/// A query for whole jobs: the columns that `reader` knows how to read, from `rest` with the tables
/// j and p.
std::string job_query(std::string const& rest);

/// Table j with the unfinished jobs and some others: those whose pages (live_jobs.hpp) have one.
constexpr char const* unfinished_jobs =
    "unfinished u CROSS JOIN jobs j ON j.id BETWEEN u.page * 64 AND u.page * 64 + 63 ";

/// Everything that is read from the database. job_store.hpp says what each function means.
class reader {
 public:
  reader(sqlite::database& on, contexts& flow) : on_(on), flow_(flow) {}

  job_id last_used();
  std::uint64_t events_reserved();
  put_usage usage();
  void load_unfinished(std::function<void(unfinished_job&&)> const& each);
  void load_ended_children(std::function<void(ended_child const&)> const& each);
  std::vector<node_order> node_orders();
  std::vector<recurrence> recurrences();
  std::vector<put_spending> spending();
  std::vector<known_job> statuses(std::vector<job_id> const& jobs);
  std::optional<job_record> find(job_id job, bool include_payload);
  std::vector<job_record> list(list_jobs const& filter);
  std::vector<job_id> children(job_id parent);
  std::optional<submit_result> find_key(std::string const& tenant, std::string const& key);
  std::string key_digest(std::string const& tenant, std::string const& key);
  std::optional<submission> as_submission(job_id job);
  std::vector<std::pair<job_status, std::int64_t>> counts();
  std::string integrity();

 private:
  enum class texts : std::uint8_t { left_out, included };

  unfinished_job job_of(sqlite::cursor const& row, texts payload);
  std::optional<unfinished_job> whole(job_id job, texts payload);
  std::vector<attempt_record> attempts_of(job_record const& job, attempt_no closed);
  std::vector<step_spec> pipeline_of(job_id parent);
  array_spec unsuccessful(job_id parent, array_spec spec);

  sqlite::database& on_;
  contexts& flow_;
  decoder<nsai::resources> resources_{"resources"};
  decoder<nsai::constraints> constraints_{"constraints"};

  sqlite::statement last_used_{on_, "SELECT value FROM meta WHERE name = 'last_used'",
                               "reading the last number"};
  sqlite::statement events_{on_, "SELECT value FROM meta WHERE name = 'events'",
                            "reading the last number of an event"};
  sqlite::statement status_{
      on_,
      "SELECT j.status, p.tenant FROM jobs j JOIN payloads p ON p.job = j.payload_of "
      "WHERE j.id = ?",
      "reading statuses"};
  sqlite::statement attempts_{
      on_,
      "SELECT number, outcome, started_at, duration_ms, node, worker, devices, error, "
      "peak_memory, peak_gpu_memory "
      "FROM attempts WHERE job = ? ORDER BY number",
      "reading attempts"};
  sqlite::statement last_attempt_{
      on_, "SELECT closed, peak_memory, peak_gpu_memory FROM jobs WHERE id = ?",
      "reading attempts"};
  sqlite::statement children_{
      on_,
      "SELECT c.id, c.status, c.array_index, c.kind FROM payloads p JOIN jobs c "
      "ON c.id BETWEEN p.job + 1 AND p.job + p.children AND c.parent = p.job "
      "WHERE p.job = ? ORDER BY c.id",
      "reading the children of a job"};
  sqlite::statement artifacts_{
      on_,
      "SELECT iif(json_valid(t) AND json_type(t, '$.artifacts') = 'array', "
      "json_extract(t, '$.artifacts'), NULL) "
      "FROM (SELECT iif(?2, result, context_out) AS t FROM jobs WHERE id = ?1)",
      "reading the artifacts of a job"};
  sqlite::statement cost_of_{on_,
                             "SELECT coalesce(sum(cost), 0) FROM jobs WHERE id > ?1 AND id <= ?2",
                             "reading the cost of a parent"};
  sqlite::statement key_{
      on_, "SELECT job, children, key_digest FROM payloads WHERE tenant = ? AND key = ?",
      "looking for a key"};
};

}  // namespace nsai::store
