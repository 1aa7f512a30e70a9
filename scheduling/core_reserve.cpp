// Room kept for jobs that wait, and what may run beside it (reservation.hpp).
#include <algorithm>

#include "scheduling/core_state.hpp"
#include "scheduling/outlook.hpp"
#include "scheduling/tenant_rules.hpp"

namespace nsai::scheduling {
namespace {

// It is looked for whom room should be kept this often: a job that is overtaken meanwhile has lost
// no more than this.
constexpr std::int64_t look_every_ms = 1000;
// One that has waited no longer will mostly find room by itself.
constexpr std::int64_t reserve_after_ms = 1000;
constexpr std::size_t most_reservations = 16;
// A look costs by what nodes hold; in a large cluster the rest of it is done at the next.
constexpr std::size_t nodes_a_look = 4096;
// What has run for longer than it was expected to is over soon.
constexpr std::int64_t soon_ms = 1000;

bool is_over_by(std::int64_t takes_ms, timestamp now, timestamp by) {
  return takes_ms > 0 && by && now + takes_ms <= by;
}

}  // namespace

/// By when the attempt has ended and everything it holds is free; 0: not known.
timestamp core_queries::ends_by(attempt_ref ref) const {
  auto const* const j = jobs.find(ref.job);
  if (j == nullptr || j->status != job_status::running || j->attempt != ref.attempt)
    return {};
  if (j->is_stopped())
    return now + terms[j->terms].grace_ms + soon_ms;
  auto const& key = shapes[j->shape].key;
  if (key.expect_ms <= 0)
    return {};
  auto const expected = j->since + key.expect_ms;
  auto const bound = j->since + key.bound_ms;
  return expected > now ? expected : bound > now ? bound : now + soon_ms;
}

/// Finds out from when on the job could have which room on the node, if nothing new is started.
/// `at_least`: it is not wanted before.
void core::state::plan(reservation& r, shape& s, node_state const& node, timestamp at_least) {
  struct ending {
    timestamp at;
    attempt_ref ref;
  };
  std::vector<ending> endings;
  for (auto const ref : node.held())
    endings.push_back({ends_by(ref), ref});
  std::sort(endings.begin(), endings.end(), [](ending const& a, ending const& b) {
    return std::tuple(!a.at, a.at, a.ref.job) < std::tuple(!b.at, b.at, b.ref.job);
  });
  outlook ahead{node};
  auto at = endings.begin();
  auto found = places.find_on(s, r.node, ahead.room());
  r.from = now;
  for (; !found && at != endings.end(); ++at) {
    ahead.release(at->ref);
    r.from = at->at;
    found = places.find_on(s, r.node, ahead.room());
  }
  NSAI_ASSERT(found);  // `is_possible` said so
  if (r.from)
    r.from = std::max(r.from, at_least);
  for (; r.from && at != endings.end() && at->at && at->at <= r.from; ++at)
    ahead.release(at->ref);
  auto const& request = s.key.resources;
  r.spare_cpu = ahead.room().cpu - request.cpu.value;
  r.spare_memory_mb = ahead.room().memory_mb - request.memory_mb;
  r.devices.clear();
  for (auto const& granted : found->devices)
    for (std::uint32_t i = 0; i < node.devices.size(); ++i)
      if (node.devices[i].index == granted.index)
        r.devices.push_back(i);
}

/// Where the job could start first. A node whose end would come before that of the job is none, and
/// neither is one where room is kept for a job that is as urgent.
std::optional<reservation> core::state::best_reservation(shape& s, choice const& c) {
  std::optional<reservation> best;
  auto const before = [](reservation const& a, reservation const& b) {
    return std::tuple(!a.from, a.from) < std::tuple(!b.from, b.from);
  };
  nodes.for_each([&](node_index index, node_state& node) {
    if (!node.takes_grants() || !places.is_possible(s, node))
      return;
    auto const* const kept = reservations.on(index);
    if (kept != nullptr && kept->level <= c.level)
      return;
    reservation r;
    r.job = c.turn.job;
    r.level = c.level;
    r.node = index;
    r.aged = c.aged;
    plan(r, s, node);
    if (node.has_time_for((r.from ? r.from - now : 0) + s.key.bound_ms, now) &&
        (!best || before(r, *best)))
      best = std::move(r);
  });
  return best;
}

bool core::state::reserve(choice const& c) {
  auto& j = at(c.turn.job);
  if (!may_have_any_room(*this, j))
    return false;
  if (shapes[j.shape].is_gang())
    return reserve_apart(c);
  auto found = best_reservation(shapes[j.shape], c);
  if (!found)
    return false;
  keep_no_room_on(found->node);
  keep_room(std::move(*found));
  return true;
}

void core::state::keep_room(reservation r) {
  at(r.job).has_room_kept = true;
  nodes[r.node].is_kept = true;
  reservations.add(std::move(r));
}

void core::state::keep_no_room_for(job& j) {
  for (auto const node : reservations.nodes_of(j.id))
    keep_no_room_on(node);
}

/// A gang keeps that on its other nodes.
void core::state::keep_no_room_on(node_index index) {
  auto const* const r = reservations.on(index);
  if (r == nullptr)
    return;
  auto const job = r->job;
  reservations.remove_on(index);
  at(job).has_room_kept = reservations.find(job) != nullptr;
  nodes[index].is_kept = false;
  gained_room(index);
}

/// Of jobs that need the same the first one starts, wherever room is there first.
void core::state::trade_places(reservation& r) {
  auto const is_alike = [&](reservation const& other) {
    auto const& a = at(other.job);
    auto const& b = at(r.job);
    return a.shape == b.shape && a.tenant == b.tenant && a.owner == b.owner &&
           other.level == r.level && !other.is_claim && !r.is_claim && !other.aged && !r.aged;
  };
  auto const first = std::find_if(reservations.begin(), reservations.end(), is_alike);
  if (first != reservations.end() && first->job != r.job)
    reservations.swap(first->job, r.job);
}

/// Jobs whose room is there now start, whoever else has the turn.
void core::state::serve_reservations() {
  if (!std::exchange(rooms_gained, false))
    return;
  for (std::size_t i = 0; i < reservations.size();) {
    auto& r = reservations[i];
    auto& s = shapes[at(r.job).shape];
    auto const& node = nodes[r.node];
    bool const admitted = may_have_any_room(*this, at(r.job));
    if (r.is_part) {
      i = admitted && serve_gang(r) ? 0 : i + 1;
      continue;
    }
    auto found = admitted && places.fits(s, node) ? places.find_on(s, r.node, nodes.room_of(r.node))
                                                  : std::nullopt;
    if (!found) {
      ++i;
      continue;
    }
    trade_places(r);
    count_grant(r.aged, r.level);
    grant(queues.turn_of(at(r.job).slot), std::move(*found), false);
    i = 0;  // the reservation is gone, and another may be: of a job that lost its place in a group
  }
}

/// What changed since has changed when the room is there. Those that cannot be kept go.
void core::state::renew_reservations() {
  std::vector<job_id> kept_for;
  for (auto const& r : reservations)
    if (kept_for.empty() || kept_for.back() != r.job)
      kept_for.push_back(r.job);
  for (auto const id : kept_for) {
    auto& j = at(id);
    if (!j.has_room_kept)
      continue;  // another, renewed before, has claimed the node
    auto& r = *std::find_if(reservations.begin(), reservations.end(),
                            [&](reservation const& each) { return each.job == id; });
    auto& s = shapes[j.shape];
    auto const& node = nodes[r.node];
    bool const admitted = may_have_any_room(*this, j);
    if (r.is_part && admitted && is_possible(s))
      renew_apart(j);
    else if (!r.is_part && node.takes_grants() && places.is_possible(s, node) && admitted)
      plan(r, s, node);
    else
      keep_no_room_for(j);
    // What could not be stopped before may be by now.
    auto const* const kept = reservations.find(id);
    if (kept != nullptr && !kept->is_claim && !kept->aged)
      preempt_for({queues.turn_of(j.slot), kept->level});
  }
}

/// Room is kept for those that would have the turn, in their order, once they have waited a while;
/// and now and then for one whose level gets none.
void core::state::look_for_reservations() {
  if (now < next_reserving)
    return;
  next_reserving = now + look_every_ms;
  looked_at = now;
  reserving_due = false;
  renew_reservations();
  make_reservations(
      std::max<std::size_t>(1, nodes_a_look / std::max<std::size_t>(1, nodes.size())));
  for (auto const& each : shapes.waiting())
    for (std::size_t level = 0; level < priority_levels; ++level)
      offer_kept_rooms(each.shape, static_cast<priority>(level));
}

/// `looks`: for so many jobs all nodes may be looked at.
void core::state::make_reservations(std::size_t looks) {
  shape_set wanted;
  for (auto const& each : shapes.waiting())
    if (is_possible(shapes[each.shape]) && !may_go_ahead(shapes[each.shape]))
      wanted.add(each.shape);
  if (auto const turn =
          reservations.has_aged() ? queue_turn{} : next_aged(wanted, served_since_aged)) {
    if (auto& j = at(turn.job); j.has_room_kept)
      keep_no_room_for(j);
    reserve({turn, priority::realtime, true});  // it is the only one, and nobody displaces it
  }
  auto const most = std::min(most_reservations, nodes.size());
  for (std::size_t i = 0; i < priority_levels;) {
    auto const level = static_cast<priority>(i);
    auto const turn = next_of(level, wanted);
    if (!turn) {
      ++i;
      continue;
    }
    auto const shape = queues.place_of(turn).shape;
    // Its likes have the turn after it, before those of other shapes that came later.
    choice const c{first_without_room(turn), level};
    if (!c.turn) {
      wanted.remove(shape);
      continue;
    }
    if (looks-- == 0)
      return;
    if (preempt_for(c))
      continue;
    if (reservations.is_full(most, level))
      return;
    bool const is_new = now - c.turn.since < reserve_after_ms;
    reserving_due = reserving_due || is_new;
    if (is_new || !reserve(c))
      wanted.remove(shape);
  }
}

/// The job, or else the first of those behind it, of the same owner and shape, for which no room is
/// kept.
queue_turn core::state::first_without_room(queue_turn turn) const {
  while (turn && jobs.find(turn.job)->has_room_kept) {
    auto const behind = queues[turn.slot].after;
    turn = behind == none ? queue_turn{} : queues.turn_of(behind);
  }
  return turn;
}

/// Nodes where room is kept are looked at for a shape whose jobs do not mind.
void core::state::offer_kept_rooms(shape_index index, priority level) {
  for (auto const& r : reservations)
    if (level < r.level && !shapes[index].look_everywhere &&
        places.fits(shapes[index], nodes[r.node]))
      shapes.add_candidate(index, r.node, nodes.changes());
}

/// Whether it is worth a closer look.
bool core::state::may_go_beside(shape const& s, node_index index) const {
  auto const* const r = nodes[index].is_kept ? reservations.on(index) : nullptr;
  if (r == nullptr || (r->is_part && &shapes[jobs.find(r->job)->shape] == &s))
    return true;
  auto const& request = s.key.resources;
  for (std::size_t level = 0; level < static_cast<std::size_t>(r->level); ++level)
    if (queues.count(static_cast<priority>(level)) > 0)
      return true;
  return (!r->is_claim && is_over_by(s.key.expect_ms, now, r->from)) ||
         (request.cpu.value <= r->spare_cpu && request.memory_mb <= r->spare_memory_mb);
}

/// A place where room is kept for another job: beside it, or before it.
std::optional<place> core::state::find_beside(shape& s, job_id job, priority level) {
  for (std::size_t i = 0; i < reservations.size(); ++i) {
    auto& r = reservations[i];
    if (!places.fits(s, nodes[r.node]))
      continue;
    bool const disregards = level < r.level || r.job == job;
    bool const is_brief = !r.is_claim && is_over_by(s.key.expect_ms, now, r.from);
    if (disregards || is_brief) {
      auto found = places.find_on(s, r.node, nodes.room_of(r.node));
      if (found && disregards && r.job != job)
        keep_no_room_on(r.node);  // its job gets other room at the next look
      if (found)
        return found;
      continue;
    }
    auto const& request = s.key.resources;
    if (request.cpu.value > r.spare_cpu || request.memory_mb > r.spare_memory_mb)
      continue;
    outlook beside{nodes[r.node]};
    beside.withhold(r.devices);
    if (auto found = places.find_on(s, r.node, beside.room())) {
      r.spare_cpu -= request.cpu.value;
      r.spare_memory_mb -= request.memory_mb;
      return found;
    }
  }
  return std::nullopt;
}

void core::state::check_reservations() const {
  std::size_t kept = 0;
  std::as_const(nodes).for_each([&](node_index, node_state const& n) { kept += n.is_kept; });
  NSAI_ASSERT(kept == reservations.size());
  std::size_t flagged = 0;
  jobs.for_each([&](job const& j) { flagged += j.has_room_kept; });
  NSAI_ASSERT(flagged == reservations.jobs());
  std::uint64_t made = 0;
  for (auto const& r : reservations) {
    NSAI_ASSERT(nodes[r.node].is_kept && reservations.on(r.node) == &r && r.made >= made);
    made = r.made;
    auto const* const j = jobs.find(r.job);
    NSAI_ASSERT(j != nullptr && j->has_room_kept && j->slot != none);
    auto const& s = shapes[j->shape];
    NSAI_ASSERT(r.is_part == s.is_gang() && reservations.of(r.job).from == r.from);
    NSAI_ASSERT(reservations.nodes_of(r.job).size() <= static_cast<std::size_t>(s.key.nodes));
  }
}

}  // namespace nsai::scheduling
