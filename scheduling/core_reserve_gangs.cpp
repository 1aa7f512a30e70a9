// Room kept for gangs: on several nodes, and wanted on all of them at the same time.
#include <algorithm>

#include "scheduling/core_state.hpp"

namespace nsai::scheduling {

/// All start with the last of them.
void core::state::plan_together(std::vector<reservation>& list, shape& s) {
  timestamp latest;
  bool any_unbounded = false;
  for (auto const& r : list) {
    latest = std::max(latest, r.from);
    any_unbounded = any_unbounded || !r.from;
  }
  for (auto& r : list)
    if (any_unbounded)
      r.from = {};
    else if (r.from < latest)
      plan(r, s, nodes[r.node], latest);
}

/// Where a gang could start first as a whole, as far as the nodes are not kept for others that come
/// before it. Fewer than it needs only while those of single jobs are the rest: these start soon,
/// and then it gets the nodes before anything else does.
std::vector<reservation> core::state::best_apart(shape& s, choice const& c, std::uint64_t made) {
  auto const id = c.turn.job;
  auto const wanted = static_cast<std::size_t>(s.key.nodes);
  std::vector<reservation> list;
  std::size_t rest = 0;
  nodes.for_each([&](node_index index, node_state& node) {
    if (!node.takes_grants() || !places.is_possible(s, node))
      return;
    auto const* const kept = reservations.on(index);
    // Of two gangs that have too little each, the first takes from the other.
    bool const comes_later = kept != nullptr && kept->is_part && kept->level == c.level &&
                             made != 0 && kept->made > made;
    if (kept != nullptr && kept->job != id && kept->level <= c.level && !comes_later) {
      rest += kept->is_part ? 0 : 1;
      return;
    }
    reservation r;
    r.job = id;
    r.level = c.level;
    r.node = index;
    r.aged = c.aged;
    r.is_part = true;
    plan(r, s, node);
    list.push_back(std::move(r));
  });
  if (list.size() + rest < wanted)
    return {};
  auto const has_time = [&](reservation const& r, timestamp from) {
    return nodes[r.node].has_time_for((from ? from - now : 0) + s.key.bound_ms, now);
  };
  auto const is_own = [&](reservation const& r) {
    auto const* const kept = reservations.on(r.node);
    return kept != nullptr && kept->job == id;
  };
  std::sort(list.begin(), list.end(), [&](reservation const& a, reservation const& b) {
    return std::tuple(!a.from, a.from, !is_own(a), a.node) <
           std::tuple(!b.from, b.from, !is_own(b), b.node);
  });
  if (list.size() < wanted) {
    std::erase_if(list, [&](reservation const& r) { return !has_time(r, {}); });
    for (auto& r : list)
      r.from = {};
    return list;
  }
  for (auto last = wanted; last <= list.size(); ++last) {
    auto const from = list[last - 1].from;
    std::vector<reservation> found;
    for (std::size_t i = 0; i < last && found.size() < wanted; ++i)
      if (has_time(list[i], from))
        found.push_back(list[i]);
    if (found.size() < wanted)
      continue;
    plan_together(found, s);
    return found;
  }
  return {};
}

/// Rooms of one job, on as many nodes. `made`: when it got its first; 0: now.
void core::state::keep_rooms(std::vector<reservation> rooms, std::uint64_t made) {
  std::sort(rooms.begin(), rooms.end(),
            [](reservation const& a, reservation const& b) { return a.node < b.node; });
  for (auto& r : rooms) {
    auto const id = r.job;
    keep_no_room_on(r.node);
    r.made = made;
    keep_room(std::move(r));
    made = reservations.of(id).made;
  }
}

/// False: there is none, and what it had is given back.
bool core::state::reserve_apart(choice const& c, std::uint64_t made) {
  auto& j = at(c.turn.job);
  auto list = best_apart(shapes[j.shape], c, made);
  if (j.has_room_kept)
    keep_no_room_for(j);
  bool const found = !list.empty();
  keep_rooms(std::move(list), made);
  return found;
}

/// The nodes stay, as long as all of them are of use; else they are chosen anew, or, where others
/// were stopped for them, are kept no more.
void core::state::renew_apart(job& j) {
  auto& s = shapes[j.shape];
  auto const first = reservations.of(j.id);
  std::vector<reservation> list;
  for (auto const& r : reservations)
    if (r.job == j.id && nodes[r.node].takes_grants() && places.is_possible(s, nodes[r.node]))
      list.push_back(r);
  bool stays = list.size() == static_cast<std::size_t>(s.key.nodes);
  if (stays) {
    for (auto& r : list)
      plan(r, s, nodes[r.node]);
    plan_together(list, s);
    for (auto const& r : list)
      stays =
          stays && nodes[r.node].has_time_for((r.from ? r.from - now : 0) + s.key.bound_ms, now);
  }
  if (!stays) {
    if (first.is_claim)
      keep_no_room_for(j);
    else
      reserve_apart({queues.turn_of(j.slot), first.level, first.aged}, first.made);
    return;
  }
  for (auto& r : reservations)
    if (r.job == j.id)
      r = *std::find_if(list.begin(), list.end(),
                        [&](reservation const& each) { return each.node == r.node; });
}

/// Starts the gang when its room is there on all nodes, whoever else has the turn.
bool core::state::serve_gang(reservation& first) {
  auto& s = shapes[at(first.job).shape];
  auto const kept = reservations.nodes_of(first.job);
  bool const is_there = kept.front() == first.node &&  // looked at once for all
                        kept.size() == static_cast<std::size_t>(s.key.nodes) &&
                        std::all_of(kept.begin(), kept.end(),
                                    [&](auto index) { return places.fits(s, nodes[index]); });
  if (!is_there)
    return false;
  trade_places(first);
  choice const c{queues.turn_of(at(first.job).slot), first.level, first.aged};
  if (!grant_gang(c.turn, {}))
    return false;  // rank 0 has no port yet
  count_grant(c.aged, c.level);
  return true;
}

}  // namespace nsai::scheduling
