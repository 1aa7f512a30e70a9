#include "store/writer.hpp"

#include <algorithm>

#include "store/encoding.hpp"

namespace nsai::store {
namespace {

std::string status_counter(std::size_t status) {
  return "jobs_" + std::to_string(status);
}

std::optional<timestamp> if_set(timestamp t) {
  return t ? std::optional(t) : std::nullopt;
}

std::optional<std::int64_t> if_set(std::int64_t n) {
  return n != 0 ? std::optional(n) : std::nullopt;
}

}  // namespace

writer::writer(sqlite::database& on, contexts& flow) : on_(on), flow_(flow) {
  live_jobs::counts counts{};
  sqlite::statement read(on_, "SELECT name, value FROM meta", "reading the counters");
  for (sqlite::cursor row(read); row.step();) {
    if (row.view(0) == "last_used")
      last_used_ = highest_ = {row.number(1)};
    for (std::size_t status = 0; status < counts.size(); ++status)
      if (row.view(0) == status_counter(status))
        counts[status] = row.integer(1);
  }
  live_.restore(counts);
  sqlite::statement unfinished(
      on_,
      "SELECT j.id, j.status FROM unfinished u CROSS JOIN jobs j "
      "ON j.id BETWEEN u.page * 64 AND u.page * 64 + 63 WHERE j.status < 3",
      "reading the unfinished jobs");
  for (sqlite::cursor row(unfinished); row.step();)
    live_.restore({row.number(0)}, static_cast<job_status>(row.integer(1)));
  live_.keep();
}

/// All of `work`, or nothing of it; then the next transaction may be tried.
template <class Work>
void writer::in_transaction(char const* doing, Work work) {
  if (!on_.roll_back())
    on_.fail("taking back what an error has left");
  sqlite::cursor(begin_).run();
  try {
    work();
    sqlite::cursor(end_).run();
  } catch (store_error const&) {
    on_.roll_back();
    throw;
  } catch (std::exception const& fault) {
    on_.roll_back();
    throw store_error(std::string("store: ") + doing + ": " + fault.what());
  }
}

std::vector<payload> writer::commit(std::vector<change> const& changes) {
  highest_ = last_used_;
  payloads_.clear();
  try {
    in_transaction("committing", [&] {
      for (auto const& each : changes)
        std::visit([&](auto const& c) { apply(c); }, each);
      write_meta(highest_);
    });
  } catch (...) {
    live_.undo();
    throw;
  }
  live_.keep();
  last_used_ = highest_;
  return std::exchange(payloads_, {});
}

void writer::write_meta(job_id last_used) {
  if (last_used != last_used_)
    sqlite::cursor(set_meta_, "last_used", last_used).run();
  if (live_.counts_changed())
    for (std::size_t status = 0; status < live_.now().size(); ++status)
      sqlite::cursor(set_meta_, status_counter(status), live_.now()[status]).run();
  for (auto const& [page, there] : live_.changed_pages())
    sqlite::cursor(there ? put_page_ : remove_page_, page).run();
}

void writer::apply(reserve_events const& c) {
  sqlite::cursor(set_meta_, "events", c.up_to).run();
}

void writer::apply(put_usage const& c) {
  sqlite::cursor(forget_usage_).run();
  for (auto const& each : c.list)
    sqlite::cursor(put_usage_, c.at, std::string_view(each.tenant_id), std::string_view(each.name),
                   each.cpu_ms, each.memory_mb_s, each.gpu_ms)
        .run();
}

void writer::apply(set_node_order const& c) {
  auto const& o = c.order;
  if (o.is_over())
    sqlite::cursor(remove_order_, o.uuid).run();
  else
    sqlite::cursor(put_order_, o.uuid, o.name, o.since, o.deadline, o.reason, encode(o.windows),
                   o.dismissed)
        .run();
}

void writer::apply(put_recurrence const& c) {
  auto const record = json_text::of(write_json(*c.record)).text;
  sqlite::cursor(put_recurrence_, c.record->tenant_id, c.record->name, record).run();
}

void writer::apply(remove_recurrence const& c) {
  sqlite::cursor(remove_recurrence_, c.tenant_id, c.name).run();
}

void writer::apply(put_spending const& c) {
  sqlite::cursor(put_spending_, c.tenant_id, c.spent.value).run();
}

void writer::need_live(job_id job, char const* doing) const {
  if (!live_.find(job))
    throw store_error(std::string("store: ") + doing + " job " + std::to_string(job.value) +
                      ": it does not exist or has ended");
}

void writer::need_new(job_id job) const {
  if (!job || live_.find(job))
    throw store_error("store: inserting job " + std::to_string(job.value) + ": it exists already");
}

void writer::apply(insert_children const& c) {
  for (auto const& child : c.list) {
    need_new(child.id);
    timestamp const queued_at = child.status == job_status::queued ? c.created_at : timestamp{};
    sqlite::cursor(insert_job_, child.id, c.parent, c.parent, child.position, child.array_index,
                   c.kind, c.priority, child.status, 0, c.created_at, queued_at, timestamp{},
                   timestamp{}, "", "")
        .run();
    live_.add(child.id, child.status);
    highest_ = std::max(highest_, child.id);
  }
}

void writer::apply(insert_alike const& c) {
  auto id = c.like;
  for (auto const& j : c.list) {
    need_new({++id.value});
    timestamp const queued_at = j.status == job_status::queued ? j.created_at : timestamp{};
    sqlite::cursor(insert_alike_, id, c.like, c.kind, c.priority, j.status, j.created_at, queued_at,
                   j.options, j.trace_id)
        .run();
    live_.add(id, j.status);
  }
  highest_ = std::max(highest_, id);
  if (sqlite::cursor(set_alike_, c.like, c.list.size()).run() != 1)
    throw store_error("store: inserting jobs like job " + std::to_string(c.like.value) +
                      ": it does not exist");
}

void writer::apply(boxed_insert const& boxed) {
  auto const& c = *boxed;
  auto const& r = c.record;
  need_new(r.id);
  insert_payload(c);
  sqlite::cursor(insert_job_, r.id, r.id, r.parent_id, c.position, r.array_index, r.kind,
                 r.priority, r.status, r.attempt, r.created_at, r.queued_at, r.started_at,
                 r.completed_at, encode(r.error), r.result)
      .run();
  live_.add(r.id, r.status);
  highest_ = std::max(highest_, r.id);
}

void writer::insert_payload(insert_job const& c) {
  auto const& r = c.record;
  sqlite::cursor(insert_payload_, r.id, c.children, r.tenant_id, r.name_space, r.owner, r.stage,
                 r.name, encode(r.tags), r.retry_of, r.trace_id, experiment_of(r.metadata), c.key,
                 c.key_digest, c.array ? json_text::of(write_json(*c.array)).text : std::string(),
                 encode(c.after), encode_sparse(r.resources), encode_sparse(r.constraints),
                 r.metadata, r.options, r.context, r.unique)
      .run();
}

void writer::apply(change_job const& c) {
  need_live(c.id, "changing");
  sqlite::cursor(change_, c.id, c.status, c.own_failures, c.infra_failures, c.eligible_at,
                 if_set(c.queued_at), c.cancel_requested,
                 c.preempted     ? 2
                 : c.handed_back ? 1
                                 : 0,
                 c.preemptions, c.attempt, c.started_at)
      .run();
  live_.change(c.id, c.status);
}

void writer::apply(grant_attempt const& c) {
  need_live(c.ref.job, "granting an attempt of");
  auto const changed = sqlite::cursor(grant_, c.ref.job, c.ref.attempt, c.node_name, c.node_uuid,
                                      c.incarnation, encode(c.devices), c.started_at, c.cost_rate)
                           .run();
  if (changed != 1)
    throw store_error("store: granting attempt " + std::to_string(c.ref.attempt) + " of job " +
                      std::to_string(c.ref.job.value) + ": that number was given out before");
  live_.change(c.ref.job, job_status::running);
  if (c.want_payload)
    payloads_.push_back(flow_.payload_of(c.ref.job));
}

void writer::apply(close_attempt const& c) {
  auto const& a = c.attempt;
  auto const inserted =
      sqlite::cursor(close_, c.job, a.number, a.outcome, if_set(a.started_at), a.duration_ms,
                     a.node, a.worker, encode(a.devices), encode(a.error), if_set(a.peak_memory_mb),
                     if_set(a.peak_gpu_memory_mb))
          .run();
  if (inserted != 1)
    throw store_error("store: closing an attempt of job " + std::to_string(c.job.value) +
                      ": it does not exist");
  sqlite::cursor(mark_closed_, c.job, a.number, c.cost.value).run();
  if (c.keeps_result)
    sqlite::cursor(keep_result_, c.job, c.result, c.context, a.worker, c.backend).run();
}

void writer::apply(end_job const& c) {
  need_live(c.id, "ending");
  if (!is_terminal(c.status))
    throw store_error("store: ending job " + std::to_string(c.id.value) + ": " +
                      to_string(c.status) + " is no end");
  auto result = c.context_from.empty() ? c.result.text : flow_.merged(c.id, c.context_from);
  auto context = c.context.text;
  if (c.result_of)
    if (sqlite::cursor row(result_of_, c.result_of); row.step()) {
      result = row.text(0);
      context = row.text(1);
    }
  sqlite::cursor(end_job_, c.id, c.status, c.completed_at, c.duration_ms, result, context,
                 encode(c.error), c.worker, c.backend, c.cost.value, c.has_kept,
                 if_set(c.peak_memory_mb), if_set(c.peak_gpu_memory_mb))
      .run();
  live_.change(c.id, c.status);
}

void writer::probe() {
  // In two transactions: pages that are written and freed in the same one never reach the disk.
  in_transaction("probing", [&] { sqlite::cursor(put_probe_).run(); });
  in_transaction("probing", [&] { sqlite::cursor(remove_probe_).run(); });
}

removal writer::remove_ended(timestamp before, std::int64_t most) {
  // Jobs have numbers in the order in which they came, but for a clock that was set: behind this
  // many that are too young there is none that is old enough.
  constexpr std::int64_t young_enough = 5000;
  auto const most_seen = 10 * most;
  removal done;
  in_transaction("removing ended jobs", [&] {
    std::vector<family> families;
    std::int64_t sum = 0;
    std::int64_t seen = 0;
    std::int64_t young = 0;
    while (auto const next = first_from(retention_at_)) {
      if (++seen > most_seen || sum >= most) {
        done.more = true;
        break;
      }
      if (next->created_at >= before && ++young > young_enough)
        break;
      retention_at_ = {next->of.top.value + next->of.children + 1};
      if (is_terminal(next->status) && next->completed_at < before) {
        sum += 1 + static_cast<std::int64_t>(next->of.children);
        families.push_back(next->of);
      }
    }
    for (auto const& each : families)
      done.jobs += remove(each);
  });
  if (!done.more)
    retention_at_ = {};
  return done;
}

std::optional<writer::candidate> writer::first_from(job_id start) {
  sqlite::cursor row(find_family_, start.value);
  if (!row.step())
    return std::nullopt;
  return candidate{{{row.number(0)}, row.number(1), {row.number(2)}},
                   static_cast<job_status>(row.integer(3)),
                   {row.integer(4)},
                   {row.integer(5)}};
}

std::int64_t writer::remove(family const& f) {
  auto const top = f.top;
  job_id const last{top.value + f.children};
  if (f.children > 0)
    for (auto child = top.value + 1; child <= last.value; ++child)
      if (live_.find({child}))
        return 0;  // an ended parent with a living child is not expected; nothing living is ever
                   // removed
  sqlite::cursor(remove_attempts_, top, last).run();
  sqlite::cursor(remove_payloads_, top, last).run();
  auto const removed = sqlite::cursor(remove_jobs_, top, last).run();
  sqlite::cursor(remove_shared_, f.payload_of).run();
  return removed;
}

}  // namespace nsai::store
