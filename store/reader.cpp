#include "store/reader.hpp"

#include <algorithm>

namespace nsai::store {
namespace {

/// One row of jobs j with its payloads p. `column` has the same order.
constexpr char const* all_columns =
    "j.id, j.payload_of, j.parent, j.position, j.array_index, j.kind, j.priority, j.status, "
    "j.attempt, "
    "j.own_failures, j.infra_failures, j.created_at, j.queued_at, j.started_at, j.completed_at, "
    "j.eligible_at, "
    "j.incarnation, j.node, j.node_uuid, j.devices, j.worker, j.backend, j.error, p.children, "
    "p.tenant, "
    "p.namespace, p.owner, p.stage, p.name, p.tags, p.retry_of, "
    "coalesce(j.trace_id, p.trace_id), p.key, p.key_digest, "
    "p.array, "
    "p.after, p.resources, p.constraints, p.metadata, coalesce(j.options, p.options), p.context, "
    "j.result, "
    "j.cancel_requested, j.handed_back, j.preemptions, p.unique_word, j.cost, j.cost_rate, "
    "j.closed ";
milli gpu_seconds_of(std::vector<attempt_record> const& attempts) {
  std::int64_t milli_ms = 0;
  for (auto const& a : attempts)
    if (a.outcome != attempt_result::none)
      for (auto const& device : a.devices)
        milli_ms += device.share_milli * a.duration_ms;
  return milli{milli_ms / 1000};
}

enum column {
  id,
  payload_of,
  parent,
  position,
  array_index,
  kind,
  rank,
  status,
  attempt,
  own_failures,
  infra_failures,
  created_at,
  queued_at,
  started_at,
  completed_at,
  eligible_at,
  incarnation,
  node,
  node_uuid,
  devices,
  worker,
  backend,
  error,
  children_count,
  tenant,
  name_space,
  owner,
  stage,
  name,
  tags,
  retry_of,
  trace_id,
  key,
  digest,
  array,
  after,
  needs,
  rules,
  metadata,
  options,
  context,
  result,
  canceled,
  handed_back,
  preemptions,
  unique_word,
  cost,
  rate,
  closed
};

template <class E>
E as(sqlite::cursor const& row, int at) {
  auto const value = row.integer(at);
  if (value < 0 || static_cast<std::size_t>(value) >= enum_names(E{}).size())
    throw store_error("store: a damaged row: " + std::to_string(value) + " in column " +
                      std::to_string(at) + " of job " + std::to_string(row.number(id)));
  return static_cast<E>(value);
}

timestamp time_at(sqlite::cursor const& row, int at) {
  return {row.integer(at)};
}

template <class T>
std::optional<T> optional_at(sqlite::cursor const& row, int at, char const* what) {
  if (row.null(at))
    return std::nullopt;
  return decode<T>(row.view(at), what);
}

std::vector<device_grant> devices_at(sqlite::cursor const& row, int at) {
  return decode<std::vector<device_grant>>(row.view(at), "devices");
}

attempt_result result_of(job_status status) {
  switch (status) {
    case job_status::succeeded:
      return attempt_result::succeeded;
    case job_status::failed:
      return attempt_result::failed;
    case job_status::canceled:
      return attempt_result::canceled;
    case job_status::timeout:
      return attempt_result::timed_out;
    default:
      return attempt_result::none;
  }
}

}  // namespace

std::string job_query(std::string const& rest) {
  return std::string("SELECT ") + all_columns + rest;
}

unfinished_job reader::job_of(sqlite::cursor const& row, texts payload) {
  unfinished_job job;
  auto& r = job.record;
  r.id = {row.number(id)};
  bool const own_payload = row.number(payload_of) == r.id.value;
  if (!row.null(parent))
    r.parent_id = job_id{row.number(parent)};
  if (!row.null(array_index))
    r.array_index = row.integer(array_index);
  r.kind = as<job_kind>(row, kind);
  r.priority = as<priority>(row, rank);
  r.status = as<job_status>(row, status);
  r.attempt = static_cast<attempt_no>(row.integer(attempt));
  r.created_at = time_at(row, created_at);
  r.queued_at = time_at(row, queued_at);
  r.started_at = time_at(row, started_at);
  r.completed_at = time_at(row, completed_at);
  r.node = row.text(node);
  r.devices = devices_at(row, devices);
  r.worker = row.text(worker);
  r.backend = row.text(backend);
  r.preemptions = static_cast<std::int32_t>(row.integer(preemptions));
  r.cost_usd = micro{row.integer(cost)};
  r.error = optional_at<error_info>(row, error, "error");
  r.tenant_id = row.text(tenant);
  r.name_space = row.text(name_space);
  r.owner = row.text(owner);
  r.stage = row.text(stage);
  r.name = row.text(name);
  r.tags = decode<std::vector<std::string>>(row.view(tags), "tags");
  r.trace_id = row.text(trace_id);
  r.resources = resources_(row.view(needs));
  r.constraints = constraints_(row.view(rules));
  r.metadata.text = row.text(metadata);
  if (payload == texts::included) {
    r.options.text = row.text(options);
    r.context.text = row.text(context);
    r.result.text = row.text(result);
  }
  job.position = static_cast<std::uint32_t>(row.integer(position));
  job.node_uuid = row.text(node_uuid);
  job.incarnation = row.number(incarnation);
  job.own_failures = static_cast<std::int32_t>(row.integer(own_failures));
  job.infra_failures = static_cast<std::int32_t>(row.integer(infra_failures));
  job.eligible_at = time_at(row, eligible_at);
  job.cancel_requested = row.integer(canceled) != 0;
  job.handed_back = row.integer(handed_back) != 0;
  job.preempted = row.integer(handed_back) == 2;
  job.cost_rate = row.integer(rate);
  // A parent with children that is neither an array nor an experiment is a gang: no more is stored
  // of it.
  bool const in_gang = row.number(children_count) > 0 && row.null(array) &&
                       r.kind != job_kind::composite && (own_payload || r.parent_id);
  if (in_gang) {
    r.nodes = row.integer(children_count);
    if (!own_payload)
      r.rank = job.position;
  }
  if (own_payload) {  // else they are the parent's
    if (!row.null(retry_of))
      r.retry_of = job_id{row.number(retry_of)};
    r.unique = row.text(unique_word);
    job.key = row.text(key);
    job.key_digest = row.text(digest);
    job.array = optional_at<array_spec>(row, array, "array");
    job.after = decode<std::vector<std::uint32_t>>(row.view(after), "after");
    job.children = row.number(children_count);
  }
  return job;
}

std::optional<unfinished_job> reader::whole(job_id job, texts payload) {
  static auto const sql =
      job_query("FROM jobs j JOIN payloads p ON p.job = j.payload_of WHERE j.id = ?");
  sqlite::statement query(on_, sql.c_str(), "reading a job");
  sqlite::cursor row(query, job);
  if (!row.step())
    return std::nullopt;
  return job_of(row, payload);
}

job_id reader::last_used() {
  sqlite::cursor row(last_used_);
  return {row.step() ? row.number(0) : 0};
}

std::uint64_t reader::events_reserved() {
  sqlite::cursor row(events_);
  return row.step() ? row.number(0) : 0;
}

put_usage reader::usage() {
  put_usage all;
  sqlite::statement query(on_, "SELECT at, tenant, owner, cpu, memory, gpu FROM usage",
                          "reading what was used");
  for (sqlite::cursor row(query); row.step();) {
    all.at = {row.integer(0)};
    all.list.push_back({row.text(1), row.text(2), row.integer(3), row.integer(4), row.integer(5)});
  }
  return all;
}

void reader::load_unfinished(std::function<void(unfinished_job&&)> const& each) {
  auto const sql =
      job_query(std::string("FROM ") + unfinished_jobs +
                "JOIN payloads p ON p.job = j.payload_of WHERE j.status < 3 ORDER BY u.page, j.id");
  sqlite::statement query(on_, sql.c_str(), "loading the unfinished jobs");
  for (sqlite::cursor row(query); row.step();) {
    auto job = job_of(row, texts::left_out);
    auto const& r = job.record;
    if (r.rank && r.status == job_status::running && row.integer(closed) >= r.attempt)
      job.over = attempts_of(r, r.attempt).back();
    each(std::move(job));
  }
}

std::vector<node_order> reader::node_orders() {
  sqlite::statement query(on_,
                          "SELECT uuid, name, since, deadline, reason, windows, dismissed "
                          "FROM node_orders ORDER BY uuid",
                          "reading what is ordered for nodes");
  std::vector<node_order> list;
  for (sqlite::cursor row(query); row.step();)
    list.push_back({row.text(0),
                    row.text(1),
                    {row.integer(2)},
                    {row.integer(3)},
                    row.text(4),
                    decode<std::vector<maintenance_window>>(row.view(5), "windows"),
                    {row.integer(6)}});
  return list;
}

std::vector<recurrence> reader::recurrences() {
  sqlite::statement query(on_, "SELECT record FROM recurrences ORDER BY tenant, name",
                          "reading what recurs");
  std::vector<recurrence> list;
  for (sqlite::cursor row(query); row.step();)
    list.push_back(decode<recurrence>(row.view(0), "recurrence"));
  return list;
}

void reader::load_ended_children(std::function<void(ended_child const&)> const& each) {
  sqlite::statement query(
      on_,
      "SELECT o.id, c.id, c.status, iif(c.payload_of = c.id, q.after, NULL) FROM unfinished u "
      "CROSS JOIN jobs o ON o.id BETWEEN u.page * 64 AND u.page * 64 + 63 "
      "CROSS JOIN payloads p ON p.job = o.id AND p.children > 0 "
      "CROSS JOIN jobs c ON c.id BETWEEN o.id + 1 AND o.id + p.children AND c.parent = o.id "
      "JOIN payloads q ON q.job = c.payload_of WHERE o.status < 3 AND c.status >= 3 "
      "ORDER BY u.page, o.id, "
      "c.id",
      "loading the ended children");
  for (sqlite::cursor row(query); row.step();)
    each({{row.number(0)},
          {row.number(1)},
          as<job_status>(row, 2),
          decode<std::vector<std::uint32_t>>(row.view(3), "after")});
}

std::vector<put_spending> reader::spending() {
  sqlite::statement query(on_, "SELECT tenant, spent FROM spending ORDER BY tenant",
                          "reading what was spent");
  std::vector<put_spending> list;
  for (sqlite::cursor row(query); row.step();)
    list.push_back({row.text(0), {row.integer(1)}});
  return list;
}

std::vector<known_job> reader::statuses(std::vector<job_id> const& jobs) {
  std::vector<known_job> found;
  found.reserve(jobs.size());
  for (auto const job : jobs) {
    sqlite::cursor row(status_, job);
    if (row.step())
      found.push_back({job, as<job_status>(row, 0), row.text(1)});
  }
  return found;
}

std::optional<job_record> reader::find(job_id job, bool include_payload) {
  auto found = whole(job, include_payload ? texts::included : texts::left_out);
  if (!found)
    return std::nullopt;
  if (sqlite::cursor row(last_attempt_, job); row.step()) {
    auto const closed = static_cast<attempt_no>(row.integer(0));
    auto& attempts = found->record.attempts = attempts_of(found->record, closed);
    if (found->record.attempt > closed) {
      attempts.back().peak_memory_mb = row.integer(1);
      attempts.back().peak_gpu_memory_mb = row.integer(2);
    }
  }
  found->record.gpu_seconds = gpu_seconds_of(found->record.attempts);
  if (include_payload)
    if (sqlite::cursor row(artifacts_, job, found->children > 0 && !found->array); row.step())
      found->record.artifacts.text = row.text(0);
  if (found->children > 0)  // a parent costs what its children do
    if (sqlite::cursor row(cost_of_, job, job_id{job.value + found->children}); row.step())
      found->record.cost_usd = micro{row.integer(0)};
  return std::move(found->record);
}

std::vector<attempt_record> reader::attempts_of(job_record const& job, attempt_no closed) {
  std::vector<attempt_record> all;
  for (sqlite::cursor row(attempts_, job.id); row.step();) {
    attempt_record a;
    a.number = static_cast<attempt_no>(row.integer(0));
    a.outcome = as<attempt_result>(row, 1);
    a.started_at = time_at(row, 2);
    a.duration_ms = row.integer(3);
    a.node = row.text(4);
    a.worker = row.text(5);
    a.devices = devices_at(row, 6);
    a.error = optional_at<error_info>(row, 7, "error");
    a.peak_memory_mb = row.integer(8);
    a.peak_gpu_memory_mb = row.integer(9);
    all.push_back(std::move(a));
  }
  if (job.attempt <= closed)
    return all;
  // The last attempt lies in the job's own row.
  attempt_record last;
  last.number = job.attempt;
  last.node = job.node;
  last.worker = job.worker;
  last.devices = job.devices;
  last.started_at = job.started_at;
  last.outcome = result_of(job.status);
  if (is_terminal(job.status)) {
    last.duration_ms = job.completed_at - job.started_at;
    last.error = job.error;
  }
  all.push_back(std::move(last));
  return all;
}

std::vector<job_id> reader::children(job_id parent) {
  std::vector<job_id> found;
  for (sqlite::cursor row(children_, parent); row.step();)
    found.push_back({row.number(0)});
  return found;
}

std::optional<submit_result> reader::find_key(std::string const& tenant, std::string const& key) {
  sqlite::cursor row(key_, tenant, key);
  if (!row.step())
    return std::nullopt;
  submit_result found;
  found.id = {row.number(0)};
  found.children = row.number(1);
  if (found.children > 0)
    found.first_child = {found.id.value + 1};
  return found;
}

std::string reader::key_digest(std::string const& tenant, std::string const& key) {
  sqlite::cursor row(key_, tenant, key);
  return row.step() ? row.text(2) : std::string();
}

std::vector<std::pair<job_status, std::int64_t>> reader::counts() {
  std::vector<std::pair<job_status, std::int64_t>> all;
  for (std::size_t status = 0; status < enum_names(job_status{}).size(); ++status)
    all.emplace_back(static_cast<job_status>(status), 0);
  sqlite::statement query(on_,
                          "SELECT substr(name, 6), value FROM meta WHERE name GLOB 'jobs_[0-6]'",
                          "reading the counters");
  for (sqlite::cursor row(query); row.step();)
    all.at(row.number(0)).second = row.integer(1);
  return all;
}

std::string reader::integrity() {
  sqlite::statement query(on_, "PRAGMA integrity_check", "checking the database");
  std::string faults;
  for (sqlite::cursor row(query); row.step();)
    if (row.view(0) != "ok")
      faults += (faults.empty() ? "" : "\n") + row.text(0);
  return faults;
}

}  // namespace nsai::store
