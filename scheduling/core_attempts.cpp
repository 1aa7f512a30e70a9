// What becomes of attempts: outcomes, own failures and the supervisor, infrastructure failures.
#include <algorithm>

#include "scheduling/attempt_rules.hpp"
#include "scheduling/core_state.hpp"
#include "scheduling/errors.hpp"
#include "scheduling/job_costs.hpp"
#include "scheduling/prefetch.hpp"
#include "scheduling/retry.hpp"
#include "scheduling/tenant_rules.hpp"

namespace nsai::scheduling {
namespace {

constexpr std::int64_t longest_delay_ms = 7LL * 24 * 60 * 60 * 1000;

/// It lies with the node, whatever the job is.
bool is_fault_of_node(attempt_outcome const& o) {
  return o.result == attempt_result::returned && o.error &&
         (o.error->code == "node_disk" || o.error->code == "spawn");
}

/// The node has come to the end that it announced.
bool is_end_of_lifetime(attempt_outcome const& o) {
  return o.result == attempt_result::returned && o.error && o.error->code == "lifetime_over";
}

/// Whether the job pays for the attempt, as far as its result says: what the infrastructure has
/// ended costs nothing.
bool is_paid(attempt_result result) {
  return result == attempt_result::succeeded || result == attempt_result::canceled ||
         is_own_failure(result);
}

void count(stage_facts& stage, attempt_outcome const& outcome) {
  // Without a finer measure, what took less than a millisecond took half of one.
  auto const coarse = std::max<std::int64_t>(500, outcome.duration_ms * 1000);
  auto const us = outcome.busy_us > 0 ? outcome.busy_us : coarse;
  stage.mean_us = stage.outcomes++ == 0 ? us : stage.mean_us + (us - stage.mean_us) / 8;
}

}  // namespace

std::string const& core_queries::node_name(job const& j) const {
  static std::string const nowhere;
  if (j.node != none)
    return nodes[j.node].info.name;
  auto const* const facts = find_rare(j);
  return facts != nullptr && facts->place ? facts->place->node_name : nowhere;
}

void core::state::settle(attempt_ended const& e, bool accepted) {
  emit(outcome_settled{std::string(e.node_uuid), e.outcome->ref, accepted});
}

void core::state::handle(attempt_ended const& e) {
  auto const& outcome = *e.outcome;
  auto const ref = outcome.ref;
  jobs.prefetch(ref.job);
  auto const node = nodes.index_of(e.node_uuid);
  if (node != none)
    nodes.prefetch(node);
  auto* const j = jobs.find(ref.job);
  bool current = j != nullptr && has_attempt(*j) && j->attempt == ref.attempt;
  if (current)
    current = j->unconfirmed ? find_rare(*j)->place->node_uuid == e.node_uuid : j->node == node;
  if (node != none)
    nodes[node].prefetch_devices();
  auto const* const held = node == none ? nullptr : nodes[node].find(ref);
  if (held != nullptr && !held->devices.empty())
    prefetch_lines(held->devices.data(), sizeof(held_device));
  if (!current) {
    ++refused_outcomes;
    settle(e, false);
    if (node != none) {
      nodes[node].release(ref);
      gained_room(node);
      remove_node_if_done(node, false);
    }
    return;
  }
  bool const waited = held != nullptr && held->ahead;
  if (outcome.result == attempt_result::succeeded || is_own_failure(outcome.result))
    count(stages[shapes[j->shape].key.stage], outcome);
  shares.note_duration(now - j->since);
  bool const fault_of_place = note_outcome(*j, outcome);
  bool const sole_on_devices =
      outcome.result == attempt_result::device_fault && is_alone_on_devices(*j);
  bool const is_blameless = fault_of_place || is_stopped_for_others(*j);
  if (outcome.result == attempt_result::succeeded || (is_paid(outcome.result) && !is_blameless))
    pay_attempt(*this, *j, outcome.duration_ms);
  release_attempt(*j);
  if (outcome.result == attempt_result::succeeded && is_member(*j)) {
    member_succeeded(*j, outcome);
  } else if (outcome.result == attempt_result::succeeded) {
    end(*j, job_status::succeeded, std::nullopt, &outcome);
  } else if (is_own_failure(outcome.result) && !fault_of_place && !j->is_stopped()) {
    own_failure(*j, outcome);
  } else {
    infra_failure f;
    f.result = fault_of_place ? attempt_result::device_fault : outcome.result;
    f.error = outcome.error
                  ? *outcome.error
                  : error_of("infra", to_string(outcome.result),
                             "attempt " + std::to_string(ref.attempt) + " on node " +
                                 node_name(*j) + " ended as " + to_string(outcome.result));
    // What a node hands back before it has started it, or because it cannot start anything, says
    // nothing about the job.
    bool const unable = is_fault_of_node(outcome);
    bool const in_order =
        is_end_of_lifetime(outcome) || (outcome.result == attempt_result::returned &&
                                        service_of(std::string(e.node_uuid)).draining);
    if (unable && node != none)
      rest(node);
    f.counted = !unable && !in_order && !(waited && outcome.result == attempt_result::returned);
    f.sole = sole_on_devices;
    f.at_once = outcome.result == attempt_result::returned;
    f.duration_ms = outcome.duration_ms;
    lose_attempt(*j, std::move(f));
  }
  settle(e, true);
  if (node != none)
    remove_node_if_done(node, false);
}

/// The attempt occupies nothing any more. The job still knows where it ran.
void core::state::release_attempt(job& j) {
  --running;
  preemptible_running -= shapes[j.shape].key.preemptible ? 1 : 0;
  quotas.stop(j.tenant, shapes[j.shape].key.demand());
  count_devices(*this, j, -1);
  no_other_models.clear();
  stop_cost(*this, j);
  give_place_back(j);
  if (j.unconfirmed) {
    j.unconfirmed = false;
    auto const on = unconfirmed.find(find_rare(j)->place->node_uuid);
    on->second.erase(j.id);
    if (on->second.empty())
      unconfirmed.erase(on);
    return;
  }
  discharge(j);
  nodes[j.node].release({j.id, j.attempt});
  gained_room(j.node);
}

void core::state::close_attempt(job& j, attempt_result result, std::optional<error_info> error,
                                std::int64_t duration_ms) {
  change(j, signal::close);
  emit(attempt_closed{
      {j.id, j.attempt}, result, node_name(j), duration_ms, std::move(error), money.paid(j.id)});
  j.node = none;
  j.overspent = false;
  j.handed_back = false;
  j.preempted = false;
  j.since = now;
  if (j.rare)
    rares.at(j.id).place.reset();
}

std::optional<error_info> core_queries::own_error(job const& j,
                                                  attempt_outcome const& outcome) const {
  if (outcome.error || outcome.result != attempt_result::timed_out)
    return outcome.error;
  return error_of("stage", "timeout",
                  "attempt " + std::to_string(j.attempt) + " ran longer than " +
                      std::to_string(terms[j.terms].timeout_ms.value_or(0)) + " ms");
}

void core::state::own_failure(job& j, attempt_outcome const& outcome) {
  if (is_member(j)) {
    member_failed(j, outcome);
    return;
  }
  ++j.own_failures;
  bool const timed_out = outcome.result == attempt_result::timed_out;
  auto error = own_error(j, outcome);
  if (j.own_failures > terms[j.terms].max_retries.value_or(0)) {
    end(j, timed_out ? job_status::timeout : job_status::failed, std::move(error), &outcome);
    return;
  }
  if (auto over = over_max_cost(*this, j)) {
    over->message += error ? "; its last attempt: " + error->message : "";
    end(j, job_status::failed, std::move(over), &outcome);
    return;
  }
  auto const node = node_name(j);
  close_attempt(j, outcome.result, error, outcome.duration_ms);
  reshape_retried(j);
  add_hold(j, hold_decision);
  deciding.insert(j.id);
  rare(j).last = verdict{outcome.result, std::move(error), node, outcome.duration_ms};
  tell_change(j);
  consult(j);
}

void core::state::consult(job& j) {
  auto const& last = *rares.at(j.id).last;
  emit(consult_supervisor{{j.id, j.attempt},
                          tenants[j.tenant],
                          stage_names[shapes[j.shape].key.stage],
                          last.result,
                          j.own_failures,
                          j.infra_failures,
                          terms[j.terms],
                          last.error,
                          j.label});
}

void core::state::handle(supervisor_decided const& e) {
  auto* const j = jobs.find(e.ref.job);
  if (j == nullptr || (j->holds & hold_decision) == 0 || j->attempt != e.ref.attempt)
    return;
  deciding.erase(j->id);
  auto const& last = *rares.at(j->id).last;
  if (!e.retry) {
    auto const status =
        last.result == attempt_result::timed_out ? job_status::timeout : job_status::failed;
    if (j->composite)
      end_gang(*j, status, last.error);
    else
      end(*j, status, last.error);
    return;
  }
  j->holds &= static_cast<std::uint8_t>(~hold_decision);
  auto const delay_ms = std::clamp<std::int64_t>(e.delay_ms, 0, longest_delay_ms);
  tell(happening::job_retry, *j, delay_ms, last.error ? last.error->message : std::string{});
  rares.at(j->id).last.reset();
  back_off(*j, delay_ms);
}

void core::state::handle(supervisor_restarted const& e) {
  for (auto const id : deciding)
    if (auto& j = at(id); tenants[j.tenant] == e.tenant_id)
      consult(j);
}

void core::state::back_off(job& j, std::int64_t delay_ms) {
  if (delay_ms <= 0) {
    drop_hold(j, hold_backoff);
    return;
  }
  add_hold(j, hold_backoff);
  auto& eligible_at = rare(j).eligible_at;
  eligible_at = now + delay_ms;
  clock.add({eligible_at, j.id, timer_kind::backoff});
  tell_change(j);
}

void core::state::end_backoff(job& j) {
  rares.at(j.id).eligible_at = {};
  drop_hold(j, hold_backoff);
}

/// Why the job is not tried again after what the infrastructure has done to its attempts.
std::optional<error_info> core_queries::past_infra_limits(job const& j,
                                                          std::string const& last) const {
  auto const* const facts = find_rare(j);
  if (facts != nullptr && facts->sole_losses >= losses_of_poison)
    return error_of(
        "infra", "poison",
        "three nodes or GPUs failed while they ran nothing but this job; the last: " + last);
  auto const allowed = terms[j.terms].max_infra_retries;
  if (j.infra_failures > allowed)
    return error_of("infra", "too_many_infra_failures",
                    std::to_string(j.infra_failures) + " attempts were lost, " +
                        std::to_string(allowed) + " may be; the last: " + last);
  return std::nullopt;
}

/// The attempt is over through no fault of the job; `release_attempt` went before.
void core::state::lose_attempt(job& j, infra_failure f) {
  if (is_member(j)) {
    lose_member(j, std::move(f));
    return;
  }
  if (j.overspent && !j.canceled && !j.expired && is_paid(f.result)) {
    end(j, job_status::failed, max_cost_error(*this, j));
    return;
  }
  if (j.handed_back) {
    // It was stopped for no fault of its own, however it took that.
    f.counted = false;
    if (f.result != attempt_result::lost) {
      f.result = attempt_result::returned;
      auto const attempt = "attempt " + std::to_string(j.attempt);
      f.error = j.preempted
                    ? error_of("infra", "preempted",
                               attempt + " was stopped on node " + node_name(j) +
                                   " for a job that may have its place")
                    : error_of("infra", "drained",
                               attempt + " was handed back: node " + node_name(j) + " drains");
    }
  }
  if (j.canceled || j.expired) {
    auto error = j.canceled ? std::nullopt : std::optional{deadline_error(terms[j.terms])};
    end(j, j.canceled ? job_status::canceled : job_status::timeout, std::move(error));
    return;
  }
  j.infra_failures += f.counted ? 1 : 0;
  if (f.sole && f.counted)
    ++rare(j).sole_losses;
  if (auto error = past_infra_limits(j, f.error.message)) {
    end(j, job_status::failed, std::move(error));
    return;
  }
  auto const delay_ms = f.counted && !f.at_once ? infra_delay_ms : 0;
  tell(happening::job_retry, j, delay_ms, f.error.message);
  std::get<happened>(out->back()).ran_ms = f.duration_ms;
  close_attempt(j, f.result, std::move(f.error), f.duration_ms);
  if (delay_ms > 0)
    back_off(j, delay_ms);
  else
    drop_hold(j, hold_backoff, true);  // it has waited its turn once already
}

}  // namespace nsai::scheduling
