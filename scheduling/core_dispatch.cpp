// Grants: whose turn it is, and where there is room.
#include <algorithm>

#include "scheduling/core_state.hpp"
#include "scheduling/job_costs.hpp"
#include "scheduling/tenant_rules.hpp"

namespace nsai::scheduling {
namespace {

// A level whose next job has waited this long gets every twentieth grant.
constexpr std::int64_t aged_after_ms = 10 * 60 * 1000;
constexpr std::uint32_t aged_every = 20;

// Brief jobs are granted ahead, so that a node need not wait for the scheduler between two of them;
// no more than this much work for each slot, or a cancel or a more urgent job would wait too long
// behind it.
constexpr std::int64_t work_ahead_us = 50'000;
constexpr std::int64_t brief_mean_us = 20'000;
constexpr std::int64_t known_after = 2;  // outcomes
constexpr std::int64_t most_ahead_on_a_node = 4096;
// Jobs that are not quite as brief as those before them may keep what waits this long.
constexpr std::int64_t longest_wait_ahead_ms = 1000;

/// Whether anything that competes at the level can have waited so long: urgent jobs of tenants
/// above their share do so as batch.
bool may_have_aged(ready_queues const& queues, priority level, timestamp now) {
  auto const any_at = [&](priority p) {
    return queues.count(p) > 0 && now - queues.earliest(p) >= aged_after_ms;
  };
  return any_at(level) || (level == priority::batch &&
                           (any_at(priority::interactive) || any_at(priority::realtime)));
}

bool is_brief(stage_facts const& stage) {
  return stage.outcomes >= known_after && stage.mean_us < brief_mean_us && stage.description &&
         stage.description->brief;
}

}  // namespace

void core::state::dispatch() {
  if (queues.count() == 0)
    return;
  refresh_standings();
  serve_reservations();
  std::uint64_t before = 0;
  do {
    grant_turns();
    if (queues.count() == 0)
      return;
    before = room_epoch;
    look_for_reservations();
  } while (room_epoch != before);  // room that is kept no more is anybody's
  dispatch_ahead();
}

/// Until none that has the turn finds room.
void core::state::grant_turns() {
  for (auto next = choose(); next.turn; next = choose()) {
    jobs.prefetch(next.turn.job);
    queues.prefetch(next.turn.slot);
    auto const where = queues.place_of(next.turn);
    auto& s = shapes[where.shape];
    auto const used_up = models_used_up(*this, where.tenant, s);
    bool const granted = s.is_gang() ? grant_gang(next.turn, used_up) : grant_one(next, used_up);
    if (granted)
      count_grant(next.aged, next.level);
    else if (used_up.empty())
      s.close();
    else
      no_other_models.insert({where.tenant, where.shape});  // others may have room all the same
  }
}

bool core::state::grant_one(choice const& next, std::vector<std::string> const& used_up) {
  auto& s = shapes[queues.place_of(next.turn).shape];
  auto found = used_up.empty() ? places.find(s) : find_without(*this, s, used_up);
  if (!found && used_up.empty() && !reservations.empty())
    found = find_beside(s, next.turn.job, next.level);
  if (found)
    grant(next.turn, std::move(*found), false);
  return found.has_value();
}

void core::state::count_grant(bool aged, priority level) {
  grants_since_aged = aged ? 0 : std::min(grants_since_aged + 1, aged_every);
  served_since_aged = aged ? priority::offline : std::min(served_since_aged, level);
}

/// The next job that may find room: of the most urgent level, or of one that has aged.
choice core::state::choose() {
  auto& open = shapes.open();
  open.keep_if(
      [this](shape_index i) { return shapes[i].waiting > 0 && places.may_fit(shapes[i]); });
  if (open.empty())
    return {};
  for (std::size_t level = 0; level < priority_levels; ++level) {
    auto const turn = next_of(static_cast<priority>(level), open);
    if (!turn)
      continue;
    auto const aged = next_aged(open, static_cast<priority>(level));
    if (!aged)
      return {turn, static_cast<priority>(level)};
    return {aged, queues.place_of(aged).level, true};
  }
  return {};
}

/// When the twentieth grant is due: who has waited longest, and for long, at a less urgent level.
queue_turn core::state::next_aged(shape_set const& open, priority than) const {
  queue_turn aged;
  if (grants_since_aged + 1 < aged_every)
    return aged;
  for (auto level = static_cast<std::size_t>(than) + 1; level < priority_levels; ++level) {
    auto const p = static_cast<priority>(level);
    if (!may_have_aged(queues, p, now))
      continue;
    auto const turn = next_of(p, open);
    if (turn && now - turn.since >= aged_after_ms && (!aged || turn.since < aged.since))
      aged = turn;
  }
  return aged;
}

/// Urgent jobs go first while their tenant is within its share; above it they compete as batch.
queue_turn core::state::next_of(priority level, shape_set const& open) const {
  if (level < priority::batch)
    return queues.front(level, open, whose::within_share);
  auto best = queues.front(level, open);
  if (level > priority::batch)
    return best;
  for (auto const urgent : {priority::interactive, priority::realtime})
    if (auto const turn = queues.front(urgent, open, whose::above_share, best))
      best = turn;
  return best;
}

void core::state::grant(queue_turn const& turn, place where, bool ahead) {
  auto& j = at(turn.job);
  queues.prefetch_behind(turn.slot);
  shapes.drop_waiting(j.shape);
  if (!ahead)
    ++room_epoch;  // one rival less for what may go ahead, perhaps
  begin_attempt(j, std::move(where), ahead, now - turn.since);
  queues.serve(turn.slot);
  j.slot = none;
  if (j.has_room_kept)
    keep_no_room_for(j);
  if (j.parent)
    first_grant(j.parent);
  take_place(j);
}

/// The books hold it on its node, and it is told.
void core::state::begin_attempt(job& j, place where, bool ahead, std::int64_t queue_ms,
                                std::optional<gang_place> gang) {
  auto& s = shapes[j.shape];
  change(j, signal::grant);
  ++j.attempt;
  j.node = where.node;
  j.since = now;
  ++running;
  preemptible_running += s.key.preemptible ? 1 : 0;
  quotas.start(j.tenant, s.key.demand());
  auto& node = nodes[where.node];
  NSAI_ASSERT(node.takes_grants() && node.has_time_for(s.key.bound_ms, now));
  holding h;
  h.cpu = s.key.resources.cpu.value;
  h.memory_mb = s.key.resources.memory_mb;
  h.devices.assign(where.devices.begin(), where.devices.end());
  h.tenant = j.tenant;
  h.ahead = ahead;
  auto const& held = node.hold({j.id, j.attempt}, std::move(h));
  NSAI_ASSERT(held.ahead == ahead);
  charge(j, node, held);
  count_devices(*this, j, 1);
  auto const rate = rate_of(node, held);
  start_cost(*this, j, rate);

  auto& g = emit<attempt_granted>();
  g.ref = {j.id, j.attempt};
  g.node_uuid = &node.info.uuid;
  g.node_name = &node.info.name;
  g.incarnation = node.info.incarnation;
  g.session = node.session;
  g.devices = std::move(where.devices);
  g.cost_rate = rate;
  g.gang = std::move(gang);
  auto& started = emit<happened>();
  started.what = happening::job_started;
  started.job = j.id;
  started.parent = j.parent;
  started.label = j.label;
  started.attempt = j.attempt;
  started.queue_ms = queue_ms;
  started.node = node.info.name;
}

void core::state::first_grant(job_id id) {
  auto& parent = at(id);
  if (parent.status != job_status::queued)
    return;
  change(parent, signal::grant);
  tell_change(parent);
}

bool core::state::may_go_ahead(shape const& s) const {
  return !s.is_gang() && !s.wants_gpu() && !s.key.timed && s.key.resources.memory_mb == 0 &&
         is_brief(stages[s.key.stage]);
}

bool core::state::is_possible(shape& s) {
  if (s.judged_at != nodes.epoch) {
    s.judged_at = nodes.epoch;
    std::int32_t possible = 0;
    std::as_const(nodes).for_each([&](node_index, node_state const& node) {
      possible += possible < s.key.nodes &&
                  (node.status != node_status::lost && !node.leaving && !node.draining &&
                   node.has_time_for(s.key.bound_ms, now) && places.is_possible(s, node));
    });
    s.is_possible = possible >= s.key.nodes;
  }
  return s.is_possible;
}

/// No normal grant is possible any more. Jobs of the most urgent level that waits for something
/// possible may be granted ahead, fair turns included; what they would compete with for cpu keeps
/// its chance.
void core::state::dispatch_ahead() {
  if (std::none_of(stages.begin(), stages.end(), is_brief))
    return;
  for (std::size_t i = 0; i < priority_levels; ++i) {
    auto const level = static_cast<priority>(i);
    if (queues.count(level) == 0)
      continue;
    bool any_possible = false;
    std::vector<shape_index> rivals;
    shape_set wanted;
    auto const has_turn = [&](shape_index index) { return queues.has_turn(level, index); };
    for (auto const index : queues.shapes(level)) {
      if (!is_possible(shapes[index]) || (queues.is_limited() && !has_turn(index)))
        continue;
      any_possible = true;
      if (!may_go_ahead(shapes[index]))
        rivals.push_back(index);
      else if (shapes[index].no_room_ahead != room_epoch)
        wanted.add(index);
    }
    if (!any_possible)
      continue;
    for (auto turn = queues.front(level, wanted); turn; turn = queues.front(level, wanted)) {
      auto const index = queues.place_of(turn).shape;
      auto const node = find_ahead(shapes[index], rivals);
      if (node == none) {
        shapes[index].no_room_ahead = room_epoch;
        wanted.remove(index);
      } else {
        grant(turn, {node, {}}, true);
      }
    }
    auto const& shapes_left = queues.shapes(level);
    bool const left = queues.is_limited()
                          ? std::any_of(shapes_left.begin(), shapes_left.end(), has_turn)
                          : queues.count(level) > 0;
    if (left)
      return;
  }
}

std::size_t core::state::most_ahead(shape const& s, node_state const& node) const {
  constexpr std::int64_t slots_without_cpu = 16;
  auto const cpu = s.key.resources.cpu.value;
  auto const slots = cpu > 0 ? node.info.cpus.value / cpu : slots_without_cpu;
  auto const mean_us = std::max<std::int64_t>(1, stages[s.key.stage].mean_us);
  return static_cast<std::size_t>(
      std::min(most_ahead_on_a_node, std::max<std::int64_t>(1, slots) * work_ahead_us / mean_us));
}

/// The node on which fewest wait.
node_index core::state::find_ahead(shape& s, std::vector<shape_index> const& rivals) {
  auto const contested = [&](node_state const& node) {
    return std::any_of(rivals.begin(), rivals.end(), [&](shape_index rival) {
      return places.fits_but_for_cpu(shapes[rival], node);
    });
  };
  std::pair<std::size_t, node_index> best{0, none};
  for (auto const& [kind, those] : nodes.by_room().kinds()) {
    auto const& any = nodes[those.begin()->second];
    if (!places.is_possible(s, any))
      continue;
    auto const most = most_ahead(s, any);
    for (auto const& [ahead, index] : those) {
      if (ahead >= most || (best.second != none && best < std::pair(ahead, index)))
        break;
      if (!nodes[index].takes_grants() || nodes[index].is_kept || contested(nodes[index]) ||
          !nodes[index].has_time_for(s.key.bound_ms + longest_wait_ahead_ms, now))
        continue;
      best = {ahead, index};
      break;
    }
  }
  return best.second;
}

}  // namespace nsai::scheduling
