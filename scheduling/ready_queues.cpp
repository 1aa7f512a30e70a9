#include "scheduling/ready_queues.hpp"

#include <algorithm>

#include "scheduling/assert.hpp"

namespace nsai::scheduling {

std::size_t ready_queues::place_hash::operator()(place const& p) const noexcept {
  std::uint64_t h = static_cast<std::uint64_t>(p.level);
  for (std::uint64_t const part : {p.tenant, p.owner, p.shape})
    h = (h ^ part) * 0x9e3779b97f4a7c15ULL + (h >> 29);
  return h;
}

std::uint32_t ready_queues::open_lane(place const& where) {
  if (auto const at = lane_at_.find(where); at != lane_at_.end())
    return at->second;
  std::uint32_t index;
  if (free_lanes_.empty()) {
    index = static_cast<std::uint32_t>(lanes_.size());
    lanes_.emplace_back();
  } else {
    index = free_lanes_.back();
    free_lanes_.pop_back();
  }
  lanes_[index] = lane{.where = where};
  lane_at_.emplace(where, index);

  auto& level = level_of(where);
  auto const [tenant, new_tenant] = level.tenants.try_emplace(where.tenant);
  if (new_tenant)  // whoever comes to wait joins the end of the round
    tenant->second.served = ++turn_;
  auto const [owner, new_owner] = tenant->second.owners.try_emplace(where.owner);
  if (new_owner)
    owner->second.served = ++turn_;
  owner->second.lanes.push_back(index);
  tenant->second.shapes[where.shape].emplace(owner->second.served, where.owner);
  level.shapes[where.shape].emplace(tenant->second.served, where.tenant);
  return index;
}

void ready_queues::close_lane(std::uint32_t index) {
  auto const where = lanes_[index].where;
  auto& level = level_of(where);
  auto const tenant = level.tenants.find(where.tenant);
  auto const owner = tenant->second.owners.find(where.owner);
  std::erase(owner->second.lanes, index);
  auto const own = tenant->second.shapes.find(where.shape);
  own->second.erase({owner->second.served, where.owner});
  if (own->second.empty()) {
    tenant->second.shapes.erase(own);
    auto const all = level.shapes.find(where.shape);
    all->second.erase({tenant->second.served, where.tenant});
    if (all->second.empty())
      level.shapes.erase(all);
  }
  if (owner->second.lanes.empty())
    tenant->second.owners.erase(owner);
  if (tenant->second.owners.empty())
    level.tenants.erase(tenant);
  lane_at_.erase(where);
  free_lanes_.push_back(index);
}

queue_slot ready_queues::push(job_id job, place const& where, timestamp since, bool at_front) {
  auto const lane_index = open_lane(where);
  queue_slot slot;
  if (free_entries_.empty()) {
    slot = static_cast<queue_slot>(entries_.size());
    entries_.emplace_back();
  } else {
    slot = free_entries_.back();
    free_entries_.pop_back();
  }
  auto& entry = entries_[slot];
  auto& lane = lanes_[lane_index];
  entry = {.job = job, .since = since, .lane = lane_index};
  if (at_front) {
    entry.order = front_order_--;
    entry.after = lane.head;
    (lane.head == none ? lane.tail : entries_[lane.head].before) = slot;
    lane.head = slot;
  } else {
    entry.order = next_order_++;
    entry.before = lane.tail;
    (lane.tail == none ? lane.head : entries_[lane.tail].after) = slot;
    lane.tail = slot;
  }
  ++lane.count;
  ++level_of(where).count;
  ++count_;
  return slot;
}

void ready_queues::remove(queue_slot slot) {
  auto& entry = entries_[slot];
  NSAI_ASSERT(entry.lane != none);
  auto const lane_index = entry.lane;
  auto& lane = lanes_[lane_index];
  (entry.before == none ? lane.head : entries_[entry.before].after) = entry.after;
  (entry.after == none ? lane.tail : entries_[entry.after].before) = entry.before;
  entry = {};
  free_entries_.push_back(slot);
  --level_of(lane.where).count;
  --count_;
  if (--lane.count == 0)
    close_lane(lane_index);
}

void ready_queues::move_turn(turns& waiting, turn from, turn to, std::uint32_t who) {
  auto node = waiting.extract({from, who});
  NSAI_ASSERT(!node.empty());
  node.value().first = to;
  waiting.insert(std::move(node));
}

void ready_queues::serve(queue_slot slot) {
  auto const where = place_of(slot);
  auto& level = level_of(where);
  auto& tenant = level.tenants.at(where.tenant);
  auto& owner = tenant.owners.at(where.owner);
  auto const now = ++turn_;
  // Alone means first in any case: the books need no change.
  if (level.tenants.size() > 1) {
    for (auto const& [shape, owners] : tenant.shapes)
      move_turn(level.shapes.at(shape), tenant.served, now, where.tenant);
    tenant.served = now;
  }
  if (tenant.owners.size() > 1) {
    for (auto const index : owner.lanes)
      move_turn(tenant.shapes.at(lanes_[index].where.shape), owner.served, now, where.owner);
    owner.served = now;
  }
  remove(slot);
}

void ready_queues::check() const {
  std::size_t total = 0;
  for (auto const& level : levels_) {
    std::size_t in_level = 0;
    for (auto const& [tenant, line] : level.tenants) {
      NSAI_ASSERT(!line.owners.empty());
      for (auto const& [shape, owners] : line.shapes)
        NSAI_ASSERT(level.shapes.at(shape).contains({line.served, tenant}) && !owners.empty());
      for (auto const& [owner, own] : line.owners) {
        NSAI_ASSERT(!own.lanes.empty());
        for (auto const index : own.lanes) {
          auto const& lane = lanes_[index];
          NSAI_ASSERT(lane.where.tenant == tenant && lane.where.owner == owner && lane.count > 0);
          NSAI_ASSERT(line.shapes.at(lane.where.shape).contains({own.served, owner}));
          std::size_t in_lane = 0;
          for (auto slot = lane.head; slot != none; slot = entries_[slot].after, ++in_lane)
            NSAI_ASSERT(entries_[slot].lane == index);
          NSAI_ASSERT(in_lane == lane.count);
          in_level += in_lane;
        }
      }
    }
    NSAI_ASSERT(in_level == level.count);
    total += in_level;
  }
  NSAI_ASSERT(total == count_);
}

}  // namespace nsai::scheduling
