// Gangs: jobs whose members run together, each on a node of its own, or not at all.
//
// The parent stands in the ready queue for all, and its attempts count. One event grants all
// members, so that one commit holds all their attempts. A member whose attempt is over keeps the
// status `running` without an attempt until all are over; only then something is decided, once.
#include <algorithm>

#include "scheduling/attempt_rules.hpp"
#include "scheduling/core_state.hpp"
#include "scheduling/errors.hpp"
#include "scheduling/job_costs.hpp"
#include "scheduling/request_words.hpp"
#include "scheduling/retry.hpp"

namespace nsai::scheduling {
namespace {

constexpr char const* stopped_code = "gang_over";

/// Of HOST, HOST:PORT or [HOST]:PORT; a bare IPv6 address is a host.
std::string host_of(std::string const& address) {
  if (address.starts_with('['))
    return address.substr(1, address.find(']') - 1);
  auto const colon = address.find(':');
  return colon == address.rfind(':') ? address.substr(0, colon) : address;
}

std::string called(job const& member) {
  return "rank " + std::to_string(member.position) + " (job " + std::to_string(member.id.value) +
         ")";
}

/// The member's error as the gang's.
std::optional<error_info> of_gang(job const& member, std::optional<error_info> error) {
  if (error)
    error->message = called(member) + ": " + error->message;
  return error;
}

}  // namespace

gang_facts const* core_queries::gang_of(job const& j) const {
  if (!j.composite)
    return nullptr;
  auto const found = parents.find(j.id);
  return found == parents.end() ? nullptr : found->second.gang.get();
}

job const& core_queries::at_parent(job const& child) const {
  auto const* const parent = jobs.find(child.parent);
  NSAI_ASSERT(parent != nullptr);
  return *parent;
}

/// Whether it is granted by itself: members are granted with their gang, which stands for them.
bool core_queries::takes_turns(job const& j) const {
  return j.composite ? gang_of(j) != nullptr : !is_member(j);
}

/// A running job has one, unless it is a parent or a member that waits for the others' end.
bool core_queries::has_attempt(job const& j) const {
  return j.status == job_status::running && !j.composite && (j.node != none || j.unconfirmed);
}

/// More members than nodes would wait for ever. Before any node has come, and for a while after a
/// restart, nobody knows how many there are.
std::optional<error_info> core::state::check_nodes(submission const& s) const {
  if (s.nodes <= std::max<std::int64_t>(1, nodes.size()) || nodes.size() == 0 || now < all_back_at)
    return std::nullopt;
  std::vector<node_record> absent;  // in maintenance, perhaps
  list_absent(absent);
  auto const known = static_cast<std::int64_t>(nodes.size() + absent.size());
  if (s.nodes <= known)
    return std::nullopt;
  return usage_error("nodes",
                     std::to_string(s.nodes) + " members need as many nodes, the cluster has " +
                         std::to_string(known),
                     known == 1 ? "1" : "1 to " + std::to_string(known));
}

void core::state::create_gang(job& parent, job_submitted const& e) {
  auto& p = parents[parent.id];
  p.gang.emplace();
  p.children = static_cast<std::uint64_t>(e.request->nodes);
  join_group(parent);
  announce(parent, p.children);
  for (std::uint32_t rank = 0; rank < p.children; ++rank)
    announce(create_alike(parent, e, rank), 0);
}

/// All members at once, or none: false, and nothing has changed.
/// `used_up`: the models of which the tenant's quota is.
bool core::state::grant_gang(queue_turn const& turn, std::vector<std::string> const& used_up) {
  auto& parent = at(turn.job);
  auto const kept =
      parent.has_room_kept ? reservations.nodes_of(parent.id) : std::vector<node_index>{};
  auto found = places.find_apart(shapes[parent.shape], kept, used_up);
  if (found.empty())
    return false;
  auto& first = nodes[found.front().node];
  gang_place where;
  where.nodes = static_cast<std::int32_t>(found.size());
  where.master_addr = host_of(first.info.address);
  where.master_port = first.ports.front();
  first.ports.pop_front();
  auto const queue_ms = now - turn.since;
  shapes.drop_waiting(parent.shape);
  ++room_epoch;
  change(parent, signal::grant);
  ++parent.attempt;
  parent.since = now;
  auto& gang = *parents.at(parent.id).gang;
  NSAI_ASSERT(gang.present == 0 && !gang.over);
  gang.present = found.size();
  tell_change(parent);
  for_members(parent, [&](job& member) {
    where.rank = static_cast<std::int32_t>(member.position);
    begin_attempt(member, std::move(found[member.position]), false, queue_ms, where);
  });
  queues.serve(turn.slot);
  parent.slot = none;
  if (parent.has_room_kept)
    keep_no_room_for(parent);
  watch_cost(*this, parent);
  take_place(parent);
  return true;
}

void core::state::member_succeeded(job& j, attempt_outcome const& outcome) {
  attempt_closed closed;
  closed.result = attempt_result::succeeded;
  closed.duration_ms = outcome.duration_ms;
  closed.keeps_result = !parents.at(j.parent).gang->over;
  close_member(j, std::move(closed), std::nullopt);
}

void core::state::member_failed(job& j, attempt_outcome const& outcome) {
  attempt_closed closed;
  closed.result = outcome.result;
  closed.duration_ms = outcome.duration_ms;
  closed.error = own_error(j, outcome);
  gang_ending over;
  over.own = true;
  close_member(j, std::move(closed), std::move(over));
}

/// The member's attempt is over through no fault of the job; `release_attempt` went before.
void core::state::lose_member(job& j, infra_failure f) {
  auto& parent = at(j.parent);
  auto& gang = *parents.at(j.parent).gang;
  gang_ending over;
  over.counted = f.counted && !j.handed_back;
  over.at_once = f.at_once;
  // What a node's end does to the other members is often told before the node is missed: they
  // lose their connections and fail. A node that was not heard any more by then went first.
  bool const went_first = gang.over && gang.over->own && f.result == attempt_result::lost &&
                          j.node != none && nodes[j.node].last_heard < gang.over->at;
  if (went_first) {
    over.counted = f.counted;
    over.replaces_own = true;
    gang.over.reset();
  }
  if (j.handed_back && f.result != attempt_result::lost) {
    f.result = attempt_result::returned;
    f.error = error_of("infra",
                       j.preempted ? "preempted"
                       : gang.over ? stopped_code
                                   : "drained",
                       "attempt " + std::to_string(j.attempt) + " was " +
                           (j.preempted ? "stopped for a job that may have the place of a member"
                            : parent.overspent ? "stopped: the gang has cost what it may"
                            : gang.over        ? "stopped: that of another member had ended"
                                               : "handed back: the node of a member drains"));
  }
  if (f.sole && over.counted && !gang.over)
    ++rare(parent).sole_losses;
  attempt_closed closed;
  closed.result = f.result;
  closed.duration_ms = f.duration_ms;
  closed.error = std::move(f.error);
  close_member(j, std::move(closed), std::move(over));
}

/// One entry of the member's history. `over`: it ends the attempt of all, if nothing has yet.
void core::state::close_member(job& j, attempt_closed closed, std::optional<gang_ending> over) {
  auto& parent = at(j.parent);
  auto& gang = *parents.at(j.parent).gang;
  closed.ref = {j.id, j.attempt};
  closed.node_name = node_name(j);
  closed.cost = money.paid(j.id);
  bool const ends_all = over && !gang.over;
  if (ends_all) {
    parent.own_failures += over->own ? 1 : 0;
    parent.infra_failures += over->counted && !over->replaces_own ? 1 : 0;
    over->result = closed.result;
    over->error = of_gang(j, closed.error);
    over->node = closed.node_name;
    over->duration_ms = closed.duration_ms;
    over->at = now;
    gang.over = std::move(over);
  }
  emit(std::move(closed));
  j.node = none;
  j.handed_back = false;
  j.preempted = false;
  if (j.rare)
    rares.at(j.id).place.reset();
  NSAI_ASSERT(gang.present > 0);
  --gang.present;
  if (gang.present == 0) {
    conclude_attempt(parent);
  } else if (ends_all) {
    tell_change(parent);
    hand_back_gang(parent);
  }
}

/// Whether the attempt was stopped for no doing of its job, which pays nothing for it then.
bool core_queries::is_stopped_for_others(job const& j) const {
  if (!j.handed_back || j.overspent)
    return false;
  if (!is_member(j))
    return true;
  auto const& parent = at_parent(j);
  auto const& over = gang_of(parent)->over;
  return !parent.overspent && !(over && over->own);
}

/// The timer was set by what all members run at; some may have ended meanwhile.
void core::state::gang_reached_max_cost(job& parent) {
  auto& gang = *parents.at(parent.id).gang;
  gang.stops_at = {};
  if (gang.over || parent.is_stopped())
    return;
  if (time_to_max_cost(*this, parent) != 0) {
    watch_cost(*this, parent);
    return;
  }
  parent.overspent = true;
  gang.over.emplace();
  gang.over->result = attempt_result::canceled;
  gang.over->at = now;
  hand_back_gang(parent);
}

/// What the members still have is stopped, and whatever it ends with is nobody's failure.
void core::state::hand_back_gang(job& parent) {
  for_members(parent, [&](job& member) {
    if (!has_attempt(member) || member.handed_back)
      return;
    member.handed_back = true;
    tell_change(member);
    stop_attempt(member);
  });
}

/// The gang as a whole is stopped for another job.
void core::state::mark_preempted(job& j) {
  if (!is_member(j)) {
    j.preempted = true;
    ++j.preemptions;
    return;
  }
  for_members(at(j.parent), [&](job& member) {
    ++member.preemptions;
    member.preempted = has_attempt(member);
  });
}

/// No member has an attempt any more.
void core::state::conclude_attempt(job& parent) {
  auto const& terms_of = terms[parent.terms];
  give_place_back(parent);
  watch_cost_no_more(*this, parent);
  auto& gang = *parents.at(parent.id).gang;
  if (!gang.over) {
    for_members(parent, [&](job& member) { end(member, job_status::succeeded, std::nullopt); });
    return;
  }
  auto const& over = *gang.over;
  // Not before: a restart in between would take the failure for what it was counted as.
  if (over.replaces_own) {
    --parent.own_failures;
    parent.infra_failures += over.counted ? 1 : 0;
  }
  auto const last = over.error ? over.error->message : std::string{};
  if (parent.canceled)
    end_gang(parent, job_status::canceled, std::nullopt);
  else if (parent.expired)
    end_gang(parent, job_status::timeout, deadline_error(terms_of));
  else if (parent.overspent)
    end_gang(parent, job_status::failed, max_cost_error(*this, parent));
  else if (over.own && parent.own_failures > terms_of.max_retries.value_or(0))
    end_gang(parent,
             over.result == attempt_result::timed_out ? job_status::timeout : job_status::failed,
             over.error);
  else if (auto error = past_infra_limits(parent, last))
    end_gang(parent, job_status::failed, std::move(error));
  else if (auto too_much = over_max_cost(*this, parent))
    end_gang(parent, job_status::failed, std::move(too_much));
  else
    repeat_gang(parent);
}

/// The parent ends once its members have.
void core::state::end_gang(job& parent, job_status status, std::optional<error_info> error) {
  auto& p = parents.at(parent.id);
  if (!p.error)
    p.error = error;
  for_members(parent, [&](job& member) { end(member, status, error); });
}

void core::state::repeat_gang(job& parent) {
  auto& gang = *parents.at(parent.id).gang;
  auto const over = std::move(*gang.over);
  gang.over.reset();
  for_members(parent, [&](job& member) {
    change(member, signal::close);
    member.since = now;
    add_hold(member, hold_parent);
  });
  auto const delay_ms = over.counted && !over.at_once ? infra_delay_ms : 0;
  if (!over.own) {
    tell(happening::job_retry, parent, delay_ms, over.error ? over.error->message : std::string{});
    std::get<happened>(out->back()).ran_ms = over.duration_ms;
  }
  change(parent, signal::close);
  emit(attempt_closed{
      {parent.id, parent.attempt}, over.result, over.node, now - parent.since, over.error});
  parent.since = now;
  if (!over.own && delay_ms == 0) {
    drop_hold(parent, hold_backoff, true);  // it has waited its turn once already
    return;
  }
  for_members(parent, [&](job& member) { tell_change(member); });
  if (!over.own) {
    back_off(parent, delay_ms);
    return;
  }
  add_hold(parent, hold_decision);
  deciding.insert(parent.id);
  rare(parent).last = verdict{over.result, over.error, over.node, over.duration_ms};
  tell_change(parent);
  consult(parent);
}

void core::state::restore_member(job& j, job_restored const& e) {
  auto& gang = *parents.at(j.parent).gang;
  if (j.status != job_status::running)
    return;
  if (!e.over) {
    ++gang.present;
    restore_place(j, e);
    return;
  }
  j.handed_back = false;
  j.preempted = false;
  if (*e.over == attempt_result::succeeded)
    return;
  // Which was the first is not kept: a failure of the job's own, or else what was not a
  // consequence. It has been counted.
  bool const better = !gang.over || (!gang.over->own && is_own_failure(*e.over)) ||
                      (gang.over->error && gang.over->error->code == stopped_code);
  if (!better)
    return;
  gang.over.emplace();
  gang.over->result = *e.over;
  gang.over->error = of_gang(j, e.over_error);
  gang.over->node = e.record.node;
  gang.over->at = now;
  gang.over->own = is_own_failure(*e.over);
  gang.over->counted = !gang.over->own;
  gang.over->at_once = *e.over == attempt_result::returned;
}

void core::state::resume_gang(job& parent) {
  auto const& gang = *parents.at(parent.id).gang;
  if (parent.status != job_status::running)
    return;
  if (gang.present == 0)
    conclude_attempt(parent);
  else if (gang.over)
    hand_back_gang(parent);
  else
    watch_cost(*this, parent);
}

/// It may have a turn, as far as its tenant and its group go.
explanation core::state::why_gang_waits(job const& parent) const {
  auto& s = shapes[parent.shape];
  std::int32_t possible = 0;
  std::as_const(nodes).for_each([&](node_index, node_state const& node) {
    bool const there = node.status != node_status::lost && !node.leaving;
    possible += there && places.is_possible(s, node) ? 1 : 0;
  });
  if (possible == 0 || parent.has_room_kept)
    return wait_for_place(parent);
  auto const room = static_cast<std::int32_t>(places.count_fitting(s));
  auto text = "needs " + std::to_string(s.key.nodes) + " nodes with " +
              request_in_words(s.key.resources) + " each; " + std::to_string(room) +
              (room == 1 ? " has" : " have") + " room now";
  if (possible < s.key.nodes)
    text += ", and only " + std::to_string(possible) + (possible == 1 ? " is" : " are") +
            " large enough";
  else if (room >= s.key.nodes)
    text += ", but none of these has offered a port for rank 0 yet";
  return because(wait_rule::gang, std::move(text));
}

void core::state::check_gang(job const& parent, parent_facts const& p) const {
  auto const& gang = *p.gang;
  NSAI_ASSERT(p.ended_count() == 0);
  std::uint64_t present = 0;
  for (std::uint64_t i = 0; i < p.children; ++i) {
    auto const& member = *jobs.find({parent.id.value + 1 + i});
    NSAI_ASSERT(member.attempt == parent.attempt && member.status == parent.status);
    NSAI_ASSERT(member.shape == parent.shape && member.position == i);
    if (!has_attempt(member))
      continue;
    ++present;
    NSAI_ASSERT(!gang.over || member.handed_back);
    for (std::uint64_t k = 0; k < i && member.node != none; ++k)
      NSAI_ASSERT(jobs.find({parent.id.value + 1 + k})->node != member.node);
  }
  NSAI_ASSERT(present == gang.present);
  NSAI_ASSERT((parent.status == job_status::running) == (present > 0));
  NSAI_ASSERT(!gang.over || parent.status == job_status::running);
}

}  // namespace nsai::scheduling
