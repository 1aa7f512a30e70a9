// Running attempts that are stopped so that a job which may ask for it finds room.
#include <algorithm>

#include "scheduling/core_state.hpp"
#include "scheduling/outlook.hpp"
#include "scheduling/tenant_rules.hpp"

namespace nsai::scheduling {

/// Whether the attempt may be stopped for the job.
bool core::state::is_victim(attempt_ref ref, job const& claimant, priority level) const {
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
bool core::state::may_claim(job const& j, choice const& c) const {
  if (preemptible_running == 0 || c.aged || shapes[j.shape].is_gang() ||
      !may_have_any_room(*this, j))
    return false;
  return c.level == priority::realtime || quotas.is_within(j.tenant, shapes[j.shape].key.resources);
}

/// The attempts on the node that, gone together, make the room: those with the least work lost.
/// None of them could stay.
std::optional<claim> core::state::claim_on(node_index index, shape& s, job const& j,
                                           priority level) {
  auto const& node = nodes[index];
  claim found;
  found.node = index;
  for (auto const ref : node.held())
    if (is_victim(ref, j, level)) {
      auto const& victim = at(ref.job);
      auto const lost = static_cast<double>(now - victim.since) * shares.part(charged(victim)) *
                        shapes[victim.shape].key.nodes;  // a gang loses that of all members
      found.victims.push_back({ref, lost});
    }
  std::sort(found.victims.begin(), found.victims.end(), [](auto const& a, auto const& b) {
    return std::tuple(a.work_lost, a.ref.job) < std::tuple(b.work_lost, b.ref.job);
  });
  auto const fits_without = [&](std::vector<claim::victim> const& gone) {
    outlook then{node};
    for (auto const& each : gone)
      then.release(each.ref);
    return places.find_on(s, index, then.room());
  };
  if (found.victims.empty() || !fits_without(found.victims))
    return std::nullopt;
  // The dearest go first out of the list, as long as the others make room enough.
  for (auto i = found.victims.size(); i-- > 0;) {
    auto fewer = found.victims;
    fewer.erase(fewer.begin() + static_cast<std::ptrdiff_t>(i));
    if (fits_without(fewer))
      found.victims = std::move(fewer);
  }
  for (auto const& each : found.victims)
    found.work_lost += each.work_lost;
  return found;
}

/// Stops the attempts whose end loses least and keeps the room for the job.
bool core::state::preempt_for(choice const& c) {
  auto& j = at(queues[c.slot].job);
  if (!may_claim(j, c))
    return false;
  auto& s = shapes[j.shape];
  std::optional<claim> best;
  auto const is_taken = [&](node_index index) {
    return std::any_of(reservations.begin(), reservations.end(), [&](reservation const& r) {
      bool const comes_first =
          c.level == priority::realtime ? r.level == c.level : r.level < c.level;
      return r.node == index && r.job != j.id && (r.is_claim || comes_first);
    });
  };
  nodes.for_each([&](node_index index, node_state& node) {
    if (!node.takes_grants() || !places.is_possible(s, node) ||
        !node.has_time_for(s.key.bound_ms, now) || is_taken(index))
      return;
    auto found = claim_on(index, s, j, c.level);
    if (found && (!best || found->work_lost < best->work_lost))
      best = std::move(found);
  });
  if (!best)
    return false;
  if (j.has_room_kept)
    keep_no_room_for(j);
  keep_no_room_on(best->node);
  for (auto const& each : best->victims) {
    auto& victim = at(each.ref.job);
    mark_preempted(victim);
    hand_back(victim);
  }
  reservation r;
  r.job = j.id;
  r.level = priority::realtime;  // what was stopped for it is nobody else's
  r.node = best->node;
  r.is_claim = true;
  plan(r, s, nodes[best->node]);
  keep_room(std::move(r));
  return true;
}

}  // namespace nsai::scheduling
