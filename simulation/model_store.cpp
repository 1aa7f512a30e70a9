#include "simulation/model_store.hpp"

#include <algorithm>

#include "scheduling/retry.hpp"

namespace nsai::simulation {

using namespace scheduling;

namespace {

/// An array's child or a gang's member has those of its parent.
constraints const& constraints_of(model_store const& store, model_store::row const& row) {
  auto const& r = row.facts.record;
  bool const in_array = r.parent_id && r.stage.empty();
  return in_array ? store.at(*r.parent_id).facts.record.constraints : r.constraints;
}

}  // namespace

attempt_outcome outcome_of(attempt_ref ref, attempt_result result, std::int64_t duration_ms) {
  attempt_outcome o;
  o.ref = ref;
  o.result = result;
  o.duration_ms = duration_ms;
  if (result == attempt_result::failed) {
    o.error.emplace();
    o.error->category = "stage";
    o.error->code = "exit_status";
    o.error->message = "it broke";
    o.error->retryable = true;
  }
  return o;
}

std::int32_t allowed_failures(model_store const& store, model_store::row const& row) {
  return constraints_of(store, row).max_retries.value_or(0) + 1;
}

void model_store::record(effects const& list, timestamp now, submission const* submitted,
                         attempt_outcome const* outcome) {
  for (auto const& e : list) {
    if (auto const* const x = std::get_if<job_created>(&e))
      create(*x, now, submitted[x->request]);
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
    else if (auto const* const spent = std::get_if<tenant_spent>(&e))
      spend(*spent);
    else if (auto const* const order = std::get_if<node_order_changed>(&e))
      change(*order->order);
  }
}

core model_store::restore(core_settings settings, timestamp now, effects& out) const {
  settings.last_used = rows_.empty() ? job_id{} : rows_.rbegin()->first;
  core fresh{settings};
  for (auto const& [tenant, spent] : spent_)
    fresh.apply(spending_restored{tenant, spent}, now, out);
  for (auto const& [uuid, order] : orders_)
    fresh.apply(node_order_restored{order}, now, out);
  for (auto const& [id, row] : rows_) {
    if (is_terminal(row.facts.record.status))
      continue;
    auto restored = row.facts;
    auto const& c = restored.record.constraints;
    for (auto const* const list : {&c.depends_on, &c.after_any})
      for (auto const dependency : *list)
        if (auto const& other = rows_.at(dependency).facts.record; is_terminal(other.status))
          restored.ended.push_back({dependency, other.status, other.tenant_id});
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

job_id model_store::find_key(std::string const& tenant, std::string const& key) const {
  auto const found = keys_.find({tenant, key});
  return found == keys_.end() ? job_id{} : found->second;
}

void model_store::create(job_created const& e, timestamp now, submission const& s) {
  auto& row = rows_[e.id];
  auto& r = row.facts.record;
  keep(promise::p1_ends_once, r.id == job_id{}, "a number that no job has had", e.id);
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
  if (e.parent && (s.array || s.nodes > 1))
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
    return;
  }
  r.stage = s.stage;
  r.resources = s.resources;
  r.constraints = s.constraints;
  row.facts.key = s.key;
  r.unique = s.unique;
  row.facts.array = s.array;
  row.facts.nodes = s.nodes;
  if (!s.key.empty())
    keep(promise::p1_ends_once, keys_.emplace(std::pair{s.tenant_id, s.key}, e.id).second,
         "one job a key", e.id);
}

void model_store::change(job_changed const& e) {
  auto& row = live(e.id);
  auto& facts = row.facts;
  // A failure that turns out to be the hardware's changes sides, once for each.
  // Of a gang's attempt this is told before it counts here, and it may be no failure at all.
  bool const is_gang = facts.nodes > 1;
  auto const absolved = is_gang ? 0 : std::max(0, facts.own_failures - e.own_failures);
  row.own_outcomes -= absolved;
  keep(
      promise::p4_retries,
      e.infra_failures >= facts.infra_failures + absolved && e.own_failures <= row.own_outcomes + 1,
      "counts of failures that grow with the failures", e.id);
  // What a drain has taken back is nobody's failure.
  if (facts.handed_back || row.was_handed_back)
    keep(promise::p4_retries,
         e.own_failures + e.infra_failures == facts.own_failures + facts.infra_failures,
         "no failure counted for an attempt that was handed back", e.id);
  keep(promise::p2_fenced, is_gang || e.attempt == facts.record.attempt,
       "only a gang's parent begins an attempt without a grant of its own", e.id);
  facts.record.attempt = e.attempt;
  if (e.status != job_status::running) {
    facts.over.reset();
    facts.over_error.reset();
  }
  if (e.handed_back)
    keep(promise::contract, facts.record.status == job_status::running,
         "only what runs is handed back", e.id);
  keep(promise::contract,
       e.preemptions >= facts.record.preemptions &&
           (e.preemptions == facts.record.preemptions || constraints_of(*this, row).preemptible),
       "only what may be preempted is, and it is counted", e.id);
  facts.handed_back = e.handed_back;
  facts.preempted = e.preempted;
  facts.record.preemptions = e.preemptions;
  facts.record.status = e.status;
  facts.own_failures = e.own_failures;
  facts.infra_failures = e.infra_failures;
  facts.eligible_at = e.eligible_at;
  facts.cancel_requested = e.cancel_requested;
}

void model_store::change(node_order const& order) {
  if (order.is_over())
    orders_.erase(order.uuid);
  else
    orders_[order.uuid] = order;
}

void model_store::spend(tenant_spent const& e) {
  auto& spent = spent_[e.tenant_id];
  keep(promise::contract, e.spent > spent, "what was spent only grows");
  spent = e.spent;
}

void model_store::check_spent() const {
  std::map<std::string, micro> sums;
  for (auto const& [id, row] : rows_)
    if (auto const& r = row.facts.record; r.cost_usd && r.cost_usd->value > 0)
      sums[r.tenant_id].value += r.cost_usd->value;
  keep(promise::contract, sums == spent_, "that tenants have spent what their jobs have cost");
}

void model_store::grant(attempt_granted const& e, timestamp now) {
  auto& row = live(e.ref.job);
  auto& r = row.facts.record;
  keep(promise::p2_fenced, e.ref.attempt == r.attempt + 1, "attempts that ascend, none left out",
       e.ref);
  keep(promise::p2_fenced, r.status == job_status::queued, "a grant of a queued job", e.ref);
  keep(promise::p4_retries, row.own_outcomes < allowed_failures(*this, row),
       "no attempt beyond max_retries + 1 own failures", e.ref);
  keep(promise::contract, static_cast<bool>(e.gang) == is_member(row),
       "members are granted with their gang", e.ref);
  r.status = job_status::running;
  row.was_handed_back = false;
  r.attempt = e.ref.attempt;
  r.node = *e.node_name;
  r.devices = e.devices;
  r.started_at = now;
  row.facts.node_uuid = *e.node_uuid;
  row.facts.incarnation = e.incarnation;
  row.facts.cost_rate = e.cost_rate;
}

void model_store::close(attempt_closed const& e) {
  auto& row = live(e.ref.job);
  keep(promise::p2_fenced, e.ref.attempt == row.facts.record.attempt,
       "only the current attempt is closed", e.ref);
  keep(promise::p2_fenced, row.facts.record.status == job_status::running,
       "only a running attempt is closed", e.ref);
  row.was_handed_back = row.facts.handed_back;
  row.facts.record.cost_usd = e.cost;
  row.facts.record.attempts.push_back(
      {e.ref.attempt, e.node_name, "", {}, {}, e.duration_ms, e.result, e.error});
  if (!is_member(row)) {
    row.facts.record.status = job_status::pending;
    if (row.facts.nodes > 1 && is_own_failure(e.result))
      ++row.own_outcomes;
    return;
  }
  keep(promise::p2_fenced, !row.facts.over, "a member's attempt is closed once", e.ref);
  row.facts.over = e.result;
  row.facts.over_error = e.error;
}

bool model_store::is_member(row const& r) const {
  auto const parent = r.facts.record.parent_id;
  return parent && rows_.at(*parent).facts.nodes > 1;
}

void model_store::settle(outcome_settled const& e, attempt_outcome const* outcome) {
  auto const at = rows_.find(e.ref.job);
  bool const ours = at != rows_.end() && at->second.facts.record.attempt == e.ref.attempt &&
                    at->second.facts.node_uuid == e.node_uuid;
  if (!e.accepted) {
    keep(promise::p1_ends_once,
         !ours || at->second.facts.record.status != job_status::running || at->second.facts.over,
         "the outcome of the current attempt is not refused", e.ref);
    return;
  }
  keep(promise::p2_fenced, ours, "only the outcome of the current attempt is accepted", e.ref);
  auto& row = at->second;
  keep(promise::p2_fenced, row.accepted < e.ref.attempt, "one accepted outcome an attempt", e.ref);
  row.accepted = e.ref.attempt;
  auto const& closed = row.facts.record.attempts;
  bool const by_hardware = !closed.empty() && closed.back().number == e.ref.attempt &&
                           closed.back().outcome == attempt_result::device_fault;
  if (!is_member(row) && !row.was_handed_back && !row.facts.handed_back &&
      is_own_failure(outcome->result) && !by_hardware)
    ++row.own_outcomes;
}

void model_store::end(job_ended const& e) {
  auto& row = live(e.id);
  auto& r = row.facts.record;
  keep(promise::p2_fenced, e.attempt == r.attempt, "a job ends with its latest attempt", e.id);
  if (e.error && e.error->code == "too_many_infra_failures")
    keep(promise::p4_retries,
         row.facts.infra_failures == r.constraints.max_infra_retries || r.parent_id ||
             (row.facts.nodes > 1 &&
              row.facts.infra_failures == r.constraints.max_infra_retries + 1),
         "no infrastructure retry fewer than allowed", e.id);
  if (is_member(row) && e.status == job_status::succeeded)
    keep(promise::p1_ends_once, e.from_kept && row.facts.over == attempt_result::succeeded,
         "a member ends as succeeded with a result that is kept", e.id);
  if (row.facts.nodes > 1 && r.status == job_status::running && e.error &&
      (e.error->code == "exit_status" || e.error->code == "timeout"))
    ++row.own_outcomes;
  r.status = e.status;
  r.cost_usd = e.cost;
  if (e.error)
    row.error = *e.error;
  ++row.durable_ends;
}

model_store::row& model_store::live(job_id id) {
  auto const found = rows_.find(id);
  keep(promise::p1_ends_once, found != rows_.end(), "a job that was created", id);
  keep(promise::p1_ends_once, !is_terminal(found->second.facts.record.status),
       "nothing changes after the end", id);
  return found->second;
}

}  // namespace nsai::simulation
