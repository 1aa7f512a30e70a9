// The books of the core against what they are made of.
#include "scheduling/core_state.hpp"

namespace nsai::scheduling {

void core::state::check_job(job const& j) const {
  NSAI_ASSERT(!is_terminal(j.status));
  NSAI_ASSERT((j.status == job_status::pending) == (j.holds != 0));
  bool const waits = j.status == job_status::queued && takes_turns(j);
  bool const parked = groups.is_parked(j.id);
  NSAI_ASSERT((j.slot != none) == (waits && !parked) && (waits || !parked));
  NSAI_ASSERT(j.rare == rares.contains(j.id));
  NSAI_ASSERT(((j.holds & hold_decision) != 0) == deciding.contains(j.id));
  NSAI_ASSERT(((j.holds & hold_dependency) != 0) == (j.unmet > 0));
  bool const backs_off = j.rare && rares.at(j.id).eligible_at;
  NSAI_ASSERT(((j.holds & hold_backoff) != 0) == backs_off);
  if (backs_off)
    NSAI_ASSERT(clock.contains({rares.at(j.id).eligible_at, j.id, timer_kind::backoff}));
  if (j.slot != none)
    NSAI_ASSERT(queues[j.slot].job == j.id && queues.place_of(j.slot).shape == j.shape);
  bool const has_attempt = this->has_attempt(j);
  NSAI_ASSERT(!has_attempt || (j.attempt > 0 && (j.node != none) != bool{j.unconfirmed}));
  NSAI_ASSERT(has_attempt || j.status != job_status::running || j.composite || is_member(j));
  NSAI_ASSERT(has_attempt || (j.node == none && !j.unconfirmed && !j.handed_back));
  NSAI_ASSERT(has_attempt || !j.overspent || (j.composite && j.status == job_status::running));
  NSAI_ASSERT(!j.preempted || (j.handed_back && j.preemptions > 0));
  if (has_attempt && !j.unconfirmed) {
    auto const* const held = nodes[j.node].find({j.id, j.attempt});
    NSAI_ASSERT(held != nullptr && !held->superseded);
  }
  if (j.unconfirmed)
    NSAI_ASSERT(unconfirmed.at(rares.at(j.id).place->node_uuid).contains(j.id));
  auto const* const gang = gang_of(j);
  int const undecided = gang != nullptr && gang->over ? 1 : 0;
  NSAI_ASSERT(j.own_failures <= terms[j.terms].max_retries.value_or(0) + undecided);
  NSAI_ASSERT(j.infra_failures <= terms[j.terms].max_infra_retries + undecided);
  NSAI_ASSERT(!j.parent || parents.contains(j.parent));
  NSAI_ASSERT(j.composite == parents.contains(j.id));
}

void core::state::check_parents() const {
  for (auto const& [id, p] : parents) {
    auto const* const parent = jobs.find(id);
    NSAI_ASSERT(parent != nullptr && parent->composite);
    std::uint64_t alive = 0;
    std::uint64_t active = 0;
    for (std::uint64_t i = 0; i < p.children; ++i) {
      auto const* const child = jobs.find({id.value + 1 + i});
      if (child == nullptr)
        continue;
      NSAI_ASSERT(child->parent == id);
      NSAI_ASSERT(((child->holds & hold_parent) != 0) == (parent->holds != 0));
      NSAI_ASSERT(child->status != job_status::running || parent->status == job_status::running);
      ++alive;
      active += child->within_limit ? 1 : 0;
      NSAI_ASSERT(!p.has_limit() ||
                  ((child->holds & hold_limit) != 0) != bool{child->within_limit});
    }
    NSAI_ASSERT(alive + p.ended_count() == p.children && alive > 0);
    if (p.gang)
      check_gang(*parent, p);
    NSAI_ASSERT(active == p.active);
    NSAI_ASSERT(!p.has_limit() || active <= static_cast<std::uint64_t>(p.array->limit));
    bool const idle = p.has_limit() && active < static_cast<std::uint64_t>(p.array->limit) &&
                      active < alive && parent->holds == 0 && !parent->canceled && !parent->expired;
    NSAI_ASSERT(!idle);
  }
}

void core::state::check_shapes() const {
  std::unordered_map<shape_index, std::uint32_t> live;
  std::unordered_map<shape_index, std::uint32_t> waiting;
  jobs.for_each([&](job const& j) {
    if (j.shape == none)
      return;
    ++live[j.shape];
    waiting[j.shape] += j.slot != none ? 1 : 0;
  });
  NSAI_ASSERT(live.size() == shapes.live());
  std::size_t in_queues = 0;
  for (auto const& [index, count] : live) {
    auto& s = shapes[index];
    NSAI_ASSERT(s.jobs == count && s.waiting == waiting[index]);
    NSAI_ASSERT(shapes.intern(s.key) == index);
    if (s.waiting == 0)
      continue;
    ++in_queues;
    NSAI_ASSERT(shapes.waiting().at(s.waits_at).shape == index);
    NSAI_ASSERT(!s.is_open() || shapes.open().contains(index));
    // Nothing waits for a place that is there, but for who is at a quota, or because it is kept.
    bool has_turn = false;
    for (std::size_t level = 0; level < priority_levels; ++level)
      has_turn = has_turn || queues.has_turn(static_cast<priority>(level), index);
    if (!has_turn)
      continue;
    if (s.is_gang()) {
      bool any_port = false;
      std::as_const(nodes).for_each([&](node_index, node_state const& node) {
        any_port = any_port || (!node.ports.empty() && places.is_free_for_all(s, node));
      });
      NSAI_ASSERT(restoring || !any_port ||
                  places.count_fitting(s) < static_cast<std::size_t>(s.key.nodes));
      continue;
    }
    std::as_const(nodes).for_each([&](node_index, node_state const& node) {
      NSAI_ASSERT(restoring || !places.is_free_for_all(s, node));
    });
  }
  NSAI_ASSERT(in_queues == shapes.waiting().size());
}

void core::state::check() const {
  check_shares();
  check_groups();
  money.check();
  NSAI_ASSERT(ended.empty());
  std::size_t waiting = 0;
  std::int64_t attempts = 0;
  jobs.for_each([&](job const& j) {
    if (!restoring)
      check_job(j);
    waiting += j.slot != none ? 1 : 0;
    attempts += has_attempt(j) ? 1 : 0;
  });
  NSAI_ASSERT(waiting == queues.count());
  NSAI_ASSERT(attempts == running);
  queues.check();
  std::as_const(nodes).for_each([&](node_index index, node_state const& node) {
    node.check();
    for (auto const ref : node.held()) {
      auto const* const j = jobs.find(ref.job);
      bool const current =
          j != nullptr && has_attempt(*j) && j->node == index && j->attempt == ref.attempt;
      NSAI_ASSERT(current != node.find(ref)->superseded);
    }
    NSAI_ASSERT(node.status != node_status::lost || node.attempts() == 0);
    if (restoring)
      return;
    auto const should = service_of(node.info.uuid);
    NSAI_ASSERT(node.draining == should.draining && node.horizon == should.horizon);
    if (should.is_past_deadline(now))
      for (auto const ref : node.held())
        NSAI_ASSERT(node.find(ref)->superseded || jobs.find(ref.job)->handed_back);
  });
  if (restoring)
    return;
  check_parents();
  check_shapes();
  check_reservations();
}

}  // namespace nsai::scheduling
