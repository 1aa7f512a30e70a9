#include "scheduling/ready_queues.hpp"

#include <algorithm>

#include "scheduling/assert.hpp"

namespace nsai::scheduling {
namespace {

/// An unused place in the table.
template <class T>
std::uint32_t slot_in(std::vector<T>& table, std::vector<std::uint32_t>& unused) {
  if (unused.empty()) {
    table.emplace_back();
    return static_cast<std::uint32_t>(table.size() - 1);
  }
  auto const index = unused.back();
  unused.pop_back();
  return index;
}

}  // namespace

template <class Lines>
void ready_queues::round::append(Lines& lines, std::uint32_t who) {
  lines[who].before = tail;
  lines[who].after = none;
  (tail == none ? head : lines[tail].after) = who;
  tail = who;
}

template <class Lines>
void ready_queues::round::take_out(Lines& lines, std::uint32_t who) {
  auto const [before, after] = std::pair(lines[who].before, lines[who].after);
  (before == none ? head : lines[before].after) = after;
  (after == none ? tail : lines[after].before) = before;
}

void ready_queues::counted_shapes::add(shape_index shape) {
  if (counts_[shape]++ == 0)
    set_.add(shape);
}

void ready_queues::counted_shapes::remove(shape_index shape) {
  auto const at = counts_.find(shape);
  if (--at->second > 0)
    return;
  counts_.erase(at);
  set_.remove(shape);
}

std::uint32_t ready_queues::counted_shapes::count(shape_index shape) const {
  auto const at = counts_.find(shape);
  return at == counts_.end() ? 0 : at->second;
}

std::size_t ready_queues::place_hash::operator()(place const& p) const noexcept {
  std::uint64_t h = static_cast<std::uint64_t>(p.level);
  for (std::uint64_t const part : {p.tenant, p.owner, p.shape})
    h = (h ^ part) * 0x9e3779b97f4a7c15ULL + (h >> 29);
  return h;
}

std::uint32_t ready_queues::open_lane(place const& where) {
  auto const [at, is_new] = lane_at_.try_emplace(where);
  if (!is_new)
    return at->second;
  auto const index = at->second = slot_in(lanes_, free_lanes_);
  lanes_[index] = lane{.where = where};

  auto& level = level_of(where);
  if (level.lines.size() <= where.tenant)
    level.lines.resize(where.tenant + 1);
  auto& tenant = level.lines[where.tenant];
  if (tenant.owner_at.empty())  // whoever comes to wait joins the end of the round
    level.tenants.append(level.lines, where.tenant);
  auto const [owner, new_owner] = tenant.owner_at.try_emplace(where.owner);
  if (new_owner) {
    owner->second = slot_in(owners_, free_owners_);
    owners_[owner->second].owner = where.owner;
    tenant.owners.append(owners_, owner->second);
  }
  owners_[owner->second].lanes.push_back(index);
  tenant.shapes.add(where.shape);
  level.shapes.add(where.shape);
  return index;
}

void ready_queues::close_lane(std::uint32_t index) {
  auto const where = lanes_[index].where;
  auto& level = level_of(where);
  auto& tenant = level.lines[where.tenant];
  auto const owner = tenant.owner_at.at(where.owner);
  auto& lanes = owners_[owner].lanes;
  std::erase(lanes, index);
  tenant.shapes.remove(where.shape);
  level.shapes.remove(where.shape);
  if (lanes.empty()) {
    tenant.owners.take_out(owners_, owner);
    free_owners_.push_back(owner);
    tenant.owner_at.erase(where.owner);
  }
  if (tenant.owner_at.empty())
    level.tenants.take_out(level.lines, where.tenant);
  lane_at_.erase(where);
  free_lanes_.push_back(index);
}

queue_slot ready_queues::push(job_id job, place const& where, timestamp since, bool at_front) {
  auto const lane_index = open_lane(where);
  auto const slot = slot_in(entries_, free_entries_);
  auto& entry = entries_[slot];
  auto& lane = lanes_[lane_index];
  entry = {.job = job, .since = since, .lane = lane_index};
  if (at_front) {
    entry.order = front_order_--;
    entry.after = lane.head;
    (lane.head == none ? lane.tail : entries_[lane.head].before) = slot;
    lane.head = slot;
    lane.head_order = entry.order;
  } else {
    entry.order = next_order_++;
    entry.before = lane.tail;
    if (lane.tail == none) {
      lane.head = slot;
      lane.head_order = entry.order;
    } else {
      entries_[lane.tail].after = slot;
    }
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
  if (entry.before == none) {
    lane.head = entry.after;
    lane.head_order = entry.after == none ? 0 : entries_[entry.after].order;
  } else {
    entries_[entry.before].after = entry.after;
  }
  (entry.after == none ? lane.tail : entries_[entry.after].before) = entry.before;
  entry = {};
  free_entries_.push_back(slot);
  --level_of(lane.where).count;
  --count_;
  if (--lane.count == 0)
    close_lane(lane_index);
}

void ready_queues::serve(queue_slot slot) {
  auto const where = place_of(slot);
  auto& level = level_of(where);
  auto& tenant = level.lines[where.tenant];
  auto const owner = tenant.owners.head == tenant.owners.tail ? tenant.owners.head
                                                              : tenant.owner_at.at(where.owner);
  level.tenants.take_out(level.lines, where.tenant);
  level.tenants.append(level.lines, where.tenant);
  tenant.owners.take_out(owners_, owner);
  tenant.owners.append(owners_, owner);
  remove(slot);
}

queue_slot ready_queues::front(priority level, shape_set const& wanted) const {
  auto const& line = levels_[static_cast<std::size_t>(level)];
  if (!line.shapes.set().meets(wanted))
    return none;
  auto tenant = line.tenants.head;
  while (!line.lines[tenant].shapes.set().meets(wanted))
    tenant = line.lines[tenant].after;
  for (auto at = line.lines[tenant].owners.head; at != none; at = owners_[at].after) {
    lane const* best = nullptr;
    for (auto const index : owners_[at].lanes) {
      auto const& lane = lanes_[index];
      if ((best == nullptr || lane.head_order < best->head_order) &&
          wanted.contains(lane.where.shape))
        best = &lane;
    }
    if (best != nullptr)
      return best->head;
  }
  NSAI_ASSERT(false);  // the tenant has a lane of a wanted shape
  return none;
}

void ready_queues::check_tenant(level_line const& level, tenant_index tenant,
                                std::size_t& jobs) const {
  auto const& line = level.lines[tenant];
  std::unordered_map<shape_index, std::uint32_t> lanes_of;
  std::size_t owners = 0;
  for (auto at = line.owners.head; at != none; at = owners_[at].after, ++owners) {
    auto const& own = owners_[at];
    NSAI_ASSERT(line.owner_at.at(own.owner) == at && !own.lanes.empty());
    NSAI_ASSERT(own.after == none ? line.owners.tail == at : owners_[own.after].before == at);
    for (auto const index : own.lanes) {
      auto const& lane = lanes_[index];
      NSAI_ASSERT(lane.where.tenant == tenant && lane.where.owner == own.owner && lane.count > 0);
      NSAI_ASSERT(lane_at_.at(lane.where) == index);
      NSAI_ASSERT(lane.head_order == entries_[lane.head].order);
      ++lanes_of[lane.where.shape];
      std::size_t in_lane = 0;
      for (auto slot = lane.head; slot != none; slot = entries_[slot].after, ++in_lane)
        NSAI_ASSERT(entries_[slot].lane == index);
      NSAI_ASSERT(in_lane == lane.count);
      jobs += in_lane;
    }
  }
  NSAI_ASSERT(owners == line.owner_at.size() && owners > 0);
  NSAI_ASSERT(lanes_of.size() == line.shapes.list().size());
  for (auto const& [shape, count] : lanes_of)
    NSAI_ASSERT(line.shapes.count(shape) == count && level.shapes.count(shape) >= count);
}

void ready_queues::check() const {
  std::size_t total = 0;
  std::size_t lanes = 0;
  for (auto const& level : levels_) {
    std::size_t in_level = 0;
    std::size_t waiting = 0;
    for (auto tenant = level.tenants.head; tenant != none;
         tenant = level.lines[tenant].after, ++waiting)
      check_tenant(level, tenant, in_level);
    NSAI_ASSERT(in_level == level.count);
    NSAI_ASSERT(waiting == static_cast<std::size_t>(
                               std::count_if(level.lines.begin(), level.lines.end(),
                                             [](auto const& l) { return !l.owner_at.empty(); })));
    for (auto const shape : level.shapes.list())
      lanes += level.shapes.count(shape);
    total += in_level;
  }
  NSAI_ASSERT(total == count_);
  NSAI_ASSERT(lanes == lane_at_.size());
}

}  // namespace nsai::scheduling
