// The state that the store had when the scheduler started.
#include <algorithm>

#include "scheduling/core_state.hpp"
#include "scheduling/job_costs.hpp"
#include "scheduling/supervision.hpp"
#include "scheduling/tenant_rules.hpp"

namespace nsai::scheduling {

void core::state::handle(job_restored const& e) {
  restoring = true;
  auto const& r = e.record;
  last_id = std::max(last_id, r.id);
  auto& j = jobs.add(r.id);
  j.parent = r.parent_id.value_or(job_id{});
  j.status = r.status;
  j.level = r.priority;
  j.attempt = r.attempt;
  j.label = e.label;
  j.own_failures = static_cast<std::uint16_t>(e.own_failures);
  j.infra_failures = static_cast<std::uint16_t>(e.infra_failures);
  j.canceled = e.cancel_requested;
  j.handed_back = e.handed_back && r.status == job_status::running;
  j.preempted = e.preempted && j.handed_back;
  j.preemptions = static_cast<std::uint8_t>(std::clamp(r.preemptions, 0, 255));
  j.tenant = tenant_of(r.tenant_id);
  j.owner = owners.intern(r.owner);
  // Not in the future, should the clock have been set back between two starts.
  j.since =
      std::min(r.status == job_status::running && r.started_at ? r.started_at : r.created_at, now);
  if (r.cost_usd && r.cost_usd->value > 0)
    money.restore(j.id, *r.cost_usd);
  restored[j.id] = e.ended;
  if (j.parent && parents.contains(j.parent)) {
    restore_child(j, e);
  } else {
    j.composite = e.array || e.nodes > 1 || r.kind == job_kind::composite;
    j.terms = terms.intern(r.constraints);
    terms.keep(j.terms);
    if (e.array || e.nodes > 1 || !j.composite)
      give_work(j, r.stage, r.resources, static_cast<bool>(r.constraints.deadline), e.nodes);
    if (j.composite)
      restore_parent(j, e);
  }
  add_key(j, e.key);
  add_unique(j, e.record.unique);
  if (!j.array_child && dependencies_of(r.constraints) > 0)
    rare(j).dependencies = dependencies_in(r.constraints);
  if (j.composite && gang_of(j) == nullptr)
    return;
  reshape_retried(j);
  if (is_member(j))
    restore_member(j, e);
  else if (j.status == job_status::pending)
    restore_pending(j, e);
  else if (j.status == job_status::running && j.composite)
    take_place(j);
  else if (j.status == job_status::running)
    restore_place(j, e);
}

void core::state::restore_parent(job& j, job_restored const& e) {
  auto& p = parents[j.id];
  p.array = e.array;
  p.experiment = !e.array && e.nodes == 1;
  if (e.nodes == 1)
    return;
  p.gang.emplace();
  join_group(j);
}

void core::state::restore_child(job& j, job_restored const& e) {
  auto const& parent = at(j.parent);
  auto& p = parents.at(j.parent);
  ++p.children;
  j.array_child = !p.experiment;
  j.position = p.experiment ? e.step : static_cast<std::uint32_t>(j.id.value - j.parent.value - 1);
  if (j.array_child) {
    // An array's children share all that their parent has.
    j.tenant = parent.tenant;
    j.owner = parent.owner;
    j.level = parent.level;
    j.terms = parent.terms;
    j.shape = parent.shape;
    terms.keep(j.terms);
    keep_shape(j);
    return;
  }
  auto const& r = e.record;
  j.terms = terms.intern(r.constraints);
  terms.keep(j.terms);
  give_work(j, r.stage, r.resources, terms[parent.terms].deadline || r.constraints.deadline);
  p.steps.resize(std::max<std::size_t>(p.steps.size(), j.position + 1));
  p.steps[j.position].name = r.name;
  p.steps[j.position].after = e.after;
}

void core::state::restore_pending(job& j, job_restored const& e) {
  if (e.eligible_at) {
    add_hold(j, hold_backoff);
    // No wait is longer than this, whatever the clock showed when it was written.
    auto const longest = std::max(2 * terms[j.terms].max_backoff_ms, longest_slow_ms);
    auto const eligible_at = std::min(e.eligible_at, now + longest);
    rare(j).eligible_at = eligible_at;
    clock.add({eligible_at, j.id, timer_kind::backoff});
    return;
  }
  if (j.own_failures == 0)
    return;
  // The supervisor had been asked and had not decided.
  add_hold(j, hold_decision);
  deciding.insert(j.id);
  verdict last;
  last.error = e.record.error;
  if (!e.record.attempts.empty()) {
    auto const& attempt = e.record.attempts.back();
    if (attempt.outcome != attempt_result::none)
      last.result = attempt.outcome;
    if (attempt.error)
      last.error = attempt.error;
    last.node = attempt.node;
    last.duration_ms = attempt.duration_ms;
  }
  rare(j).last = std::move(last);
}

void core::state::restore_place(job& j, job_restored const& e) {
  ++running;
  preemptible_running += shapes[j.shape].key.preemptible ? 1 : 0;
  quotas.start(j.tenant, shapes[j.shape].key.demand());
  take_place(j);
  j.unconfirmed = true;
  rare(j).place = unconfirmed_place{e.node_uuid, e.record.node, e.incarnation, e.record.devices};
  unconfirmed[e.node_uuid].insert(j.id);
  count_devices(*this, j, 1);
  start_cost(*this, j, e.cost_rate);
}

void core::state::handle(child_restored const& e) {
  auto const found = parents.find(e.parent);
  if (found == parents.end())
    return;
  auto& p = found->second;
  ++p.children;
  ++p.ended[static_cast<std::size_t>(e.status) - static_cast<std::size_t>(job_status::succeeded)];
  last_id = std::max(last_id, e.child);
  if (!p.experiment)
    return;
  auto const position = static_cast<std::uint32_t>(e.child.value - e.parent.value - 1);
  p.steps.resize(std::max<std::size_t>(p.steps.size(), position + 1));
  p.steps[position].ended = e.status;
  p.steps[position].after = e.after;
}

/// Only now is every job known that another may depend on, and every child of a parent.
void core::state::handle(restore_finished const&) {
  for (auto& [id, p] : parents)
    for (std::uint32_t i = 0; i < p.steps.size(); ++i)
      for (auto const before : p.steps[i].after)
        p.steps[before].before.push_back(i);
  for (auto& [id, over] : restored) {
    auto& j = at(id);
    resume_times(j);
    if (!j.composite)
      places.note(shapes[j.shape]);
    if (j.status == job_status::pending && j.rare && !j.array_child) {
      auto dependencies = std::move(rares.at(id).dependencies);
      // One that even the store has forgotten had succeeded: a failure would have ended this job
      // with it.
      for (auto const& each : dependencies)
        if (jobs.find(each.job) == nullptr && find_ended(over, each.job) == nullptr)
          over.push_back({each.job, job_status::succeeded});
      watch_dependencies(j, std::move(dependencies), over);
    }
    if (j.parent && parents.contains(j.parent))
      resume_child(j);
  }
  for (auto const& [id, over] : restored)
    if (auto* const j = jobs.find(id))
      resume(*j);
  auto const known = std::move(restored);
  restored.clear();
  for (auto const& [id, over] : known) {
    fail_for_ended(id, over);
    follow_up();
  }
  restoring = false;
  if (last_id)
    all_back_at = now + settings.adopt_ms;
  if (!unconfirmed.empty())
    adopt_until = now + settings.adopt_ms;
  look_at_service();
}

void core::state::resume_times(job& j) {
  if (j.array_child)
    return;
  auto const& c = terms[j.terms];
  if (c.deadline)
    clock.add({c.deadline, j.id, timer_kind::deadline});
  if (j.status == job_status::pending && c.not_before > now) {
    add_hold(j, hold_time);
    clock.add({c.not_before, j.id, timer_kind::not_before});
  }
}

void core::state::resume_child(job& j) {
  auto& p = parents.at(j.parent);
  bool const pending = j.status == job_status::pending;
  if (pending && at(j.parent).holds != 0)
    add_hold(j, hold_parent);
  if (p.has_limit()) {
    if (pending && j.attempt == 0) {
      add_hold(j, hold_limit);
    } else {
      j.within_limit = true;
      ++p.active;
    }
  }
  if (!p.experiment || !pending)
    return;
  for (auto const before : p.steps[j.position].after)
    j.unmet += p.steps[before].ended == job_status::succeeded ? 0 : 1;
  if (j.unmet > 0)
    add_hold(j, hold_dependency);
}

/// Queues what was queued or is held by nothing any more, and asks again what was asked.
void core::state::resume(job& j) {
  bool const canceled = j.canceled;
  j.canceled = false;
  if (j.status == job_status::pending)
    drop_hold(j, hold{});
  else if (j.status == job_status::queued && takes_turns(j) && j.slot == none &&
           !groups.is_parked(j.id))
    enqueue(j, false);
  if (j.composite && j.holds == 0 && !canceled)
    fill_limit(j.id, parents.at(j.id));
  if ((j.holds & hold_decision) != 0)
    consult(j);
  if (j.composite) {
    auto& p = parents.at(j.id);
    for (std::uint32_t i = 0; i < p.steps.size(); ++i)
      if (p.steps[i].ended && *p.steps[i].ended != job_status::succeeded)
        for (auto const after : p.steps[i].before)
          if (auto* const child = jobs.find({j.id.value + 1 + after}))
            fail_dependent(*child, "step " + std::to_string(i) + " (job " +
                                       std::to_string(j.id.value + 1 + i) +
                                       "), on which this one depends, ended as " +
                                       to_string(*p.steps[i].ended));
    if (p.children > 0 && p.ended_count() == p.children) {
      finish_parent(j, p);
      return;
    }
    if (p.gang)
      resume_gang(j);
  }
  if (canceled)
    stop(j, false);
}

}  // namespace nsai::scheduling
