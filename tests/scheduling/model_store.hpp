#pragma once

#include <map>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "scheduling/core.hpp"

namespace nsai::scheduling::tests {

/// What a store would know from the durable effects alone, and what it gives back after a restart.
class model_store {
 public:
  struct row {
    job_restored facts;
    std::uint64_t children = 0;
    std::int64_t durable_ends = 0;
    std::int32_t own_outcomes = 0;  // accepted outcomes that were the job's own failures
    bool was_handed_back = false;   // the last attempt, which was closed
    bool gave_up = false;
    std::optional<error_info> error;
  };

  /// `submitted` is the submission being applied, `outcome` the outcome, if any.
  void record(effects const& list, timestamp now, submission const* submitted,
              attempt_outcome const* outcome) {
    for (auto const& e : list) {
      if (auto const* const x = std::get_if<job_created>(&e))
        create(*x, now, *submitted);
      else if (auto const* const y = std::get_if<job_changed>(&e))
        change(*y);
      else if (auto const* const z = std::get_if<attempt_granted>(&e))
        grant(*z, now);
      else if (auto const* const c = std::get_if<attempt_closed>(&e))
        close(*c);
      else if (auto const* const o = std::get_if<outcome_settled>(&e))
        settle(*o, outcome);
      else if (auto const* const over = std::get_if<job_ended>(&e))
        end(*over);
      else if (auto const* const order = std::get_if<node_order_changed>(&e))
        change(*order->order);
    }
  }

  /// A core as the scheduler would build it at this moment.
  core restore(core_settings settings, timestamp now, effects& out) const {
    settings.last_used = rows_.empty() ? job_id{} : rows_.rbegin()->first;
    core fresh{settings};
    for (auto const& [uuid, order] : orders_)
      fresh.apply(node_order_restored{order}, now, out);
    for (auto const& [id, row] : rows_) {
      if (is_terminal(row.facts.record.status))
        continue;
      auto restored = row.facts;
      for (auto const dependency : restored.record.constraints.depends_on)
        if (auto const& other = rows_.at(dependency).facts.record; is_terminal(other.status))
          restored.ended.push_back({dependency, other.status});
      fresh.apply(restored, now, out);
    }
    for (auto const& [id, row] : rows_) {
      auto const& r = row.facts.record;
      if (is_terminal(r.status) && r.parent_id &&
          !is_terminal(rows_.at(*r.parent_id).facts.record.status))
        fresh.apply(child_restored{*r.parent_id, id, r.status, row.facts.after}, now, out);
    }
    fresh.apply(restore_finished{}, now, out);
    return fresh;
  }

  std::map<job_id, row>& rows() { return rows_; }
  row const& at(job_id id) const { return rows_.at(id); }
  std::map<std::string, node_order> const& orders() const { return orders_; }

 private:
  void create(job_created const& e, timestamp now, submission const& s) {
    auto& row = rows_[e.id];
    REQUIRE(row.facts.record.id == job_id{});
    auto& r = row.facts.record;
    row.children = e.children;
    r.id = e.id;
    r.status = e.status;
    r.tenant_id = s.tenant_id;
    r.priority = s.priority;
    r.created_at = now;
    r.kind = s.kind;
    if (e.parent) {
      r.parent_id = e.parent;
      row.facts.step = e.position;
    }
    if (e.parent && s.array)
      return;  // as in the real store, the parent's row has the rest
    r.owner = s.owner;
    if (e.parent) {
      auto const& step = s.pipeline.at(e.position);
      r.kind = job_kind::experiment_step;
      r.stage = step.stage;
      r.name = step.name;
      r.resources = step.resources;
      r.constraints = step.constraints;
      row.facts.after = step.after;
    } else {
      r.stage = s.stage;
      r.resources = s.resources;
      r.constraints = s.constraints;
      row.facts.key = s.key;
      row.facts.array = s.array;
    }
  }

  void change(job_changed const& e) {
    auto& row = live(e.id);
    // What a drain has taken back is nobody's failure.
    if (row.facts.handed_back || row.was_handed_back) {
      REQUIRE(e.own_failures == row.facts.own_failures);
      REQUIRE(e.infra_failures == row.facts.infra_failures);
    }
    if (e.handed_back)
      REQUIRE(row.facts.record.status == job_status::running);
    row.facts.handed_back = e.handed_back;
    row.facts.record.status = e.status;
    row.facts.own_failures = e.own_failures;
    row.facts.infra_failures = e.infra_failures;
    row.facts.eligible_at = e.eligible_at;
    row.facts.cancel_requested = e.cancel_requested;
  }

  void change(node_order const& order) {
    if (order.is_over())
      orders_.erase(order.uuid);
    else
      orders_[order.uuid] = order;
  }

  void grant(attempt_granted const& e, timestamp now) {
    auto& row = live(e.ref.job);
    auto& r = row.facts.record;
    REQUIRE(e.ref.attempt == r.attempt + 1);  // strictly ascending, none left out
    REQUIRE(r.status == job_status::queued);
    r.status = job_status::running;
    row.was_handed_back = false;
    r.attempt = e.ref.attempt;
    r.node = *e.node_name;
    r.devices = e.devices;
    r.started_at = now;
    row.facts.node_uuid = *e.node_uuid;
    row.facts.incarnation = e.incarnation;
  }

  void close(attempt_closed const& e) {
    auto& row = live(e.ref.job);
    REQUIRE(e.ref.attempt == row.facts.record.attempt);
    REQUIRE(row.facts.record.status == job_status::running);
    row.facts.record.status = job_status::pending;
    row.was_handed_back = row.facts.handed_back;
    row.facts.record.attempts.push_back(
        {e.ref.attempt, e.node_name, "", {}, {}, e.duration_ms, e.result, e.error});
  }

  void settle(outcome_settled const& e, attempt_outcome const* outcome) {
    auto const at = rows_.find(e.ref.job);
    bool const ours = at != rows_.end() && at->second.facts.record.attempt == e.ref.attempt &&
                      at->second.facts.node_uuid == e.node_uuid;
    if (e.accepted)
      REQUIRE(ours);
    else if (ours)
      REQUIRE(at->second.facts.record.status != job_status::running);
    bool const blamed = ours && !at->second.was_handed_back && !at->second.facts.handed_back;
    if (e.accepted && blamed &&
        (outcome->result == attempt_result::failed || outcome->result == attempt_result::timed_out))
      ++rows_.at(e.ref.job).own_outcomes;
  }

  void end(job_ended const& e) {
    auto& row = live(e.id);
    REQUIRE(e.attempt == row.facts.record.attempt);
    row.facts.record.status = e.status;
    row.error = e.error;
    ++row.durable_ends;
  }

  row& live(job_id id) {
    auto& row = rows_.at(id);
    REQUIRE_FALSE(is_terminal(row.facts.record.status));
    return row;
  }

  std::map<job_id, row> rows_;
  std::map<std::string, node_order> orders_;
};

}  // namespace nsai::scheduling::tests
