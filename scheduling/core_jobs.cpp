// A job's way from pending to queued, and to its end.
#include "scheduling/core_state.hpp"
#include "scheduling/errors.hpp"

namespace nsai::scheduling {

void core::state::tell_change(job const& j) {
  auto const* const facts = find_rare(j);
  emit(job_changed{j.id, j.status, j.own_failures, j.infra_failures,
                   facts != nullptr ? facts->eligible_at : timestamp{}, j.canceled, j.handed_back,
                   j.preempted, j.preemptions, j.attempt});
}

void core::state::tell(happening what, job const& j, std::int64_t duration_ms, std::string detail) {
  auto& h = emit<happened>();
  h.what = what;
  h.composite = j.composite;
  h.job = j.id;
  h.parent = j.parent;
  h.label = j.label;
  h.attempt = j.attempt;
  h.duration_ms = duration_ms;
  h.detail = std::move(detail);
  if (j.node != none)
    h.node = nodes[j.node].info.name;
  else if (auto const* const facts = find_rare(j); facts != nullptr)
    tell_where(*facts, h);
}

/// Of a job that is not on a node now: one whose node has not come back since a restart, or one
/// whose failure is not decided on yet.
void core::state::tell_where(rare_facts const& facts, happened& h) {
  if (facts.last) {
    h.node = facts.last->node;
    h.ran_ms = facts.last->duration_ms;
  } else if (facts.place) {
    h.node = facts.place->node_name;
  }
}

void core::state::enqueue(job& j, bool at_front) {
  j.since = now;
  if (is_grouped(j)) {
    wait_in_group(j, at_front);
    return;
  }
  shapes.add_waiting(j.shape);
  j.slot = queues.push(j.id, {j.level, j.tenant, j.owner, j.shape}, now, at_front);
  stands_in_queue(j);
}

void core::state::stands_in_queue(job const& j) {
  if (!reservations.empty())
    offer_kept_rooms(j.shape, j.level);
  reserving_due = true;
  // It is looked at once who may be stopped for it, unless it was a moment ago.
  constexpr std::int64_t a_moment_ms = 100;
  if (j.level == priority::realtime && preemptible_running > 0)
    next_reserving = std::min(next_reserving, looked_at + a_moment_ms);
}

/// Out of the ready queues, without a grant.
void core::state::stand_back(job& j) {
  if (j.slot == none)
    return;
  queues.remove(j.slot);
  j.slot = none;
  if (j.has_room_kept)
    keep_no_room_for(j);
  shapes.drop_waiting(j.shape);
  ++room_epoch;  // one rival less for what may go ahead, perhaps
}

void core::state::leave_queue(job& j) {
  stand_back(j);
  if (is_grouped(j))
    leave_group_line(j);
}

void core::state::drop_hold(job& j, hold h, bool at_front) {
  j.holds &= static_cast<std::uint8_t>(~h);
  if (j.holds != 0 || j.status != job_status::pending)
    return;
  change(j, signal::release);
  tell_change(j);
  tell(happening::job_queued, j);
  if (j.composite)
    release_children(j);
  if (takes_turns(j))
    enqueue(j, at_front);
}

void core::state::handle(cancel_requested const& e) {
  answer = {};
  auto* const j = jobs.find(e.job);
  if (j == nullptr) {
    answer.error = error_of("not_found", "unknown_job",
                            "job " + std::to_string(e.job.value) + " is not known");
    return;
  }
  answer.id = e.job;
  stop(is_member(*j) ? at(j->parent) : *j, false);
}

/// Because of a cancel request or the deadline: what waits ends at once, what runs is stopped and
/// ends with its outcome, a parent ends with its children.
void core::state::stop(job& j, bool deadline) {
  if (j.canceled || (deadline && j.expired))
    return;
  if (!j.composite && j.status != job_status::running) {
    if (deadline)
      end(j, job_status::timeout, deadline_error(terms[j.terms]));
    else
      end(j, job_status::canceled, std::nullopt);
    return;
  }
  if (deadline)
    j.expired = true;
  else
    j.canceled = true;
  if (!deadline)
    tell_change(j);
  if (!j.composite) {
    stop_attempt(j);
    return;
  }
  auto& p = parents.at(j.id);
  if (deadline && !p.error)
    p.error = deadline_error(terms[j.terms]);
  for (std::uint64_t i = 0; i < p.children; ++i)
    if (auto* const child = jobs.find({j.id.value + 1 + i}))
      stop(*child, deadline);
}

void core::state::stop_attempt(job const& j) {
  // An unconfirmed attempt is stopped when its node reports it.
  if (j.node != none)
    emit(attempt_stopped{nodes[j.node].info.uuid, nodes[j.node].session, {j.id, j.attempt}});
}

void core::state::end(job& j, job_status status, std::optional<error_info> error,
                      attempt_outcome const* outcome) {
  bool const was_running = j.status == job_status::running;
  change(j, signal_to(status));
  bool const dequeued = j.slot != none || groups.is_parked(j.id);
  leave_queue(j);
  job_ended e;
  e.id = j.id;
  e.status = status;
  e.attempt = j.attempt;
  if (outcome != nullptr)
    e.duration_ms = outcome->duration_ms;
  else if (was_running || j.composite)
    e.duration_ms = now - j.since;
  e.error = error;
  e.from_outcome = outcome != nullptr && status == job_status::succeeded;
  e.from_kept = status == job_status::succeeded && is_member(j);
  if (j.composite)
    describe_end(j, parents.at(j.id), e);
  else if (j.parent && parents.at(j.parent).experiment && status == job_status::succeeded)
    e.result_of = parents.at(j.parent).steps[j.position].reused;
  bool const reused = !j.composite && static_cast<bool>(e.result_of);
  e.cost = money.paid(j.id);
  auto const duration_ms = e.duration_ms;
  emit(std::move(e));
  auto const what = status == job_status::succeeded  ? happening::job_completed
                    : status == job_status::canceled ? happening::job_canceled
                                                     : happening::job_failed;
  tell(what, j, duration_ms, error ? error->message : std::string{});
  std::get<happened>(out->back()).dequeued = dequeued;
  std::get<happened>(out->back()).reused = reused;
  if (j.parent && status != job_status::succeeded)
    note_failure(parents.at(j.parent), j, status, error);
  forget(j);
}

void core::state::forget(job& j) {
  wellness.forget(j.id);
  money.forget(j.id);
  departed over{j.id, j.parent, j.position, j.status, j.within_limit, {}};
  auto const& c = terms[j.terms];
  if (!j.array_child && c.deadline)
    clock.remove({c.deadline, j.id, timer_kind::deadline});
  if ((j.holds & hold_time) != 0)
    clock.remove({c.not_before, j.id, timer_kind::not_before});
  if ((j.holds & hold_decision) != 0)
    deciding.erase(j.id);
  if (j.rare) {
    auto const facts = rares.find(j.id);
    if (facts->second.eligible_at)
      clock.remove({facts->second.eligible_at, j.id, timer_kind::backoff});
    if (facts->second.key != nullptr)
      keys.erase(keys.find(*facts->second.key));
    if (facts->second.unique != nullptr)
      uniques.erase(uniques.find(*facts->second.unique));
    over.dependents = std::move(facts->second.dependents);
    rares.erase(facts);
  }
  if (!j.composite)
    quotas.leave(j.tenant);
  if (is_grouped(j))
    groups.leave(group_of(j));
  if (j.shape != none)
    shapes.release(j.shape);
  terms.release(j.terms);
  if (j.composite)
    parents.erase(j.id);
  jobs.erase(j.id);
  // Told later, in order: a chain of dependents may be long, and the caller may be in the middle of
  // a list.
  if (over.parent || !over.dependents.empty())
    ended.push_back(std::move(over));
}

void core::state::follow_up() {
  while (!ended.empty()) {
    auto const over = std::move(ended.front());
    ended.pop_front();
    tell_dependents(over);
    if (over.parent)
      child_ended(over);
  }
}

}  // namespace nsai::scheduling
