// Running attempts that are stopped so that a job which may ask for it finds room.
#include <algorithm>
#include <set>

#include "scheduling/core_state.hpp"
#include "scheduling/outlook.hpp"
#include "scheduling/tenant_rules.hpp"

namespace nsai::scheduling {

/// Whether the attempt may be stopped for the job.
bool core_queries::is_victim(attempt_ref ref, job const& claimant, priority level) const {
  auto const* const j = jobs.find(ref.job);
  bool const current =
      j != nullptr && j->status == job_status::running && j->attempt == ref.attempt;
  if (!current || !shapes[j->shape].key.preemptible || j->preemptions >= settings.max_preemptions ||
      now - j->since < settings.immune_ms || j->is_stopped())
    return false;
  if (level == priority::realtime)
    return j->level > level;
  return j->level >= level && j->tenant != claimant.tenant && quotas.is_above(j->tenant);
}

/// Whether others may be stopped for the job: it is realtime and its tenant within its share, or
/// its tenant would still be within its quota, and others hold more than theirs.
bool core_queries::may_claim(job const& j, choice const& c) const {
  if (preemptible_running == 0 || c.aged || !may_have_any_room(*this, j))
    return false;
  return c.level == priority::realtime ||
         quotas.is_within(j.tenant, shapes[j.shape].key.demand_of_all());
}

/// The attempts on the node that, gone together, make the room: those with the least work lost.
/// None of them could stay. There are none where the room is there, or soon will be: what was told
/// to stop counts as gone.
std::optional<claim> core::state::claim_on(node_index index, shape& s, job const& j,
                                           priority level) {
  auto const& node = nodes[index];
  claim found;
  found.node = index;
  std::vector<attempt_ref> going;
  for (auto const ref : node.held()) {
    auto const* const held = jobs.find(ref.job);
    if (held != nullptr && held->attempt == ref.attempt && held->is_stopped())
      going.push_back(ref);
    if (is_victim(ref, j, level)) {
      auto const& victim = at(ref.job);
      auto const lost = static_cast<double>(now - victim.since) * shares.part(charged(victim)) *
                        shapes[victim.shape].key.nodes;  // a gang loses that of all members
      found.victims.push_back({ref, lost});
    }
  }
  std::sort(found.victims.begin(), found.victims.end(), [](auto const& a, auto const& b) {
    return std::tuple(a.work_lost, a.ref.job) < std::tuple(b.work_lost, b.ref.job);
  });
  auto const fits_without = [&](std::vector<claim::victim> const& gone) {
    outlook then{node};
    for (auto const ref : going)
      then.release(ref);
    for (auto const& each : gone)
      then.release(each.ref);
    return places.find_on(s, index, then.room());
  };
  if (!fits_without(found.victims))
    return std::nullopt;
  // The dearest go first out of the list, as long as the others make room enough.
  for (auto i = found.victims.size(); i-- > 0;) {
    auto fewer = found.victims;
    fewer.erase(fewer.begin() + static_cast<std::ptrdiff_t>(i));
    if (fits_without(fewer))
      found.victims = std::move(fewer);
  }
  return found;
}

/// One on each node that the job needs, those that lose least; none where stopping others does not
/// help, or is not what is missing.
std::vector<claim> core::state::cheapest_claims(shape& s, job const& j, priority level) {
  auto const is_taken = [&](node_index index) {
    auto const* const r = nodes[index].is_kept ? reservations.on(index) : nullptr;
    if (r == nullptr || r->job == j.id)
      return false;
    return r->is_claim || (level == priority::realtime ? r->level == level : r->level < level);
  };
  auto const wanted = static_cast<std::size_t>(s.key.nodes);
  std::vector<claim> possible;
  nodes.for_each([&](node_index index, node_state& node) {
    if (!node.takes_grants() || !places.is_possible(s, node) ||
        !node.has_time_for(s.key.bound_ms, now) || is_taken(index))
      return;
    auto found = claim_on(index, s, j, level);
    if (found && (wanted > 1 || !found->victims.empty()))
      possible.push_back(std::move(*found));
  });
  if (possible.size() < wanted)
    return {};
  // Who is stopped as a member of a gang on one node is lost on its others, too.
  std::set<job_id> lost;
  auto const whole = [&](claim::victim const& each) {
    auto const& victim = at(each.ref.job);
    return is_member(victim) ? victim.parent : victim.id;
  };
  auto const work_lost = [&](claim const& each) {
    double sum = 0;
    for (auto const& victim : each.victims)
      sum += lost.contains(whole(victim)) ? 0 : victim.work_lost;
    return sum;
  };
  std::vector<claim> best;
  while (best.size() < wanted) {
    auto const next = std::min_element(
        possible.begin(), possible.end(),
        [&](claim const& a, claim const& b) { return work_lost(a) < work_lost(b); });
    for (auto const& victim : next->victims)
      lost.insert(whole(victim));
    best.push_back(std::move(*next));
    possible.erase(next);
  }
  return lost.empty() ? std::vector<claim>{} : best;
}

/// Stops the attempts whose end loses least and keeps the room for the job.
bool core::state::preempt_for(choice const& c) {
  auto& j = at(c.turn.job);
  if (!may_claim(j, c))
    return false;
  auto& s = shapes[j.shape];
  auto const claims = cheapest_claims(s, j, c.level);
  if (claims.empty())
    return false;
  if (j.has_room_kept)
    keep_no_room_for(j);
  std::vector<reservation> rooms;
  for (auto const& each : claims) {
    for (auto const& [ref, work_lost] : each.victims) {
      auto& victim = at(ref.job);
      if (victim.is_stopped())
        continue;  // with its gang
      mark_preempted(victim);
      hand_back(victim);
    }
    reservation r;
    r.job = j.id;
    r.level = priority::realtime;  // what was stopped for it is nobody else's
    r.node = each.node;
    r.is_claim = true;
    r.is_part = s.is_gang();
    rooms.push_back(std::move(r));
  }
  for (auto& r : rooms)  // when all have been told to stop
    plan(r, s, nodes[r.node]);
  plan_together(rooms, s);
  keep_rooms(std::move(rooms), 0);
  return true;
}

}  // namespace nsai::scheduling
