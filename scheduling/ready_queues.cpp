#include "scheduling/ready_queues.hpp"

#include <algorithm>
#include <bit>
#include <limits>
#include <numeric>

#include "scheduling/assert.hpp"

namespace nsai::scheduling {
namespace {

/// An unused place in the table.
template <class Table>
std::uint32_t slot_in(Table& table, std::vector<std::uint32_t>& unused) {
  if (unused.empty()) {
    table.emplace_back();
    return static_cast<std::uint32_t>(table.size() - 1);
  }
  auto const index = unused.back();
  unused.pop_back();
  return index;
}

void flip(std::vector<std::uint64_t>& bits, std::uint32_t index) {
  if (bits.size() <= index / 64)
    bits.resize(index / 64 + 1);
  bits[index / 64] ^= std::uint64_t{1} << (index % 64);
}

/// So many tenants are compared one by one; in search of one among more, the round is walked.
constexpr std::size_t few = 8;

}  // namespace

std::vector<ready_queues::turn>::iterator ready_queues::round::find(turn const& at) {
  auto const found = std::lower_bound(order_.begin(), order_.end(), at);
  NSAI_ASSERT(found != order_.end() && found->who == at.who);
  return found;
}

void ready_queues::round::add(turn const& at) {
  order_.insert(std::lower_bound(order_.begin(), order_.end(), at), at);
}

void ready_queues::round::remove(turn const& at) {
  order_.erase(find(at));
}

void ready_queues::round::move(turn const& from, turn const& to) {
  auto const at = find(from);
  if (to < from) {
    auto const before = std::lower_bound(order_.begin(), at, to);
    std::move_backward(before, at, at + 1);
    *before = to;
  } else {
    auto const behind = std::lower_bound(at + 1, order_.end(), to);
    std::move(at + 1, behind, at);
    *(behind - 1) = to;
  }
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
  auto const index = at.value() = slot_in(lanes_, free_lanes_);
  lanes_[index] = lane{.where = where};

  auto& level = level_of(where);
  if (level.lines.size() <= where.tenant)
    level.lines.resize(where.tenant + 1);
  auto& tenant = level.lines[where.tenant];
  if (tenant.owner_at.empty()) {  // whoever comes to wait joins the end of the round
    tenant.at = {standing(where.tenant), ++last_turn_, where.tenant, 0};
    level.tenants.add(tenant.at);
    flip(level.waiting, where.tenant);
    if (shares_ != nullptr)
      shares_->wait(where.tenant);
  }
  auto const [owner, new_owner] = tenant.owner_at.try_emplace(where.owner);
  if (new_owner) {
    // Alone it needed no place among others; now it does.
    if (tenant.owner_at.size() == 2)
      place_again(tenant, where.tenant, tenant.owners.order().front().who, false);
    owner->second = slot_in(owners_, free_owners_);
    auto& own = owners_[owner->second];
    own.owner = where.owner;
    own.at = {standing(where.tenant, where.owner), ++last_turn_, owner->second, 0};
    tenant.owners.add(own.at);
  }
  owners_[owner->second].lanes.push_back({where.shape, index});
  tenant.shapes.add(where.shape);
  level.shapes.add(where.shape);
  look_again(level, tenant);
  return index;
}

/// The round knows, too, what the tenant waits for.
void ready_queues::look_again(level_line& level, tenant_line& tenant) {
  auto const shapes = tenant.shapes.set().glance();
  if (shapes == tenant.at.shapes)
    return;
  tenant.at.shapes = shapes;
  level.tenants.look_again(tenant.at);
}

void ready_queues::close_lane(std::uint32_t index) {
  auto const where = lanes_[index].where;
  auto& level = level_of(where);
  auto& tenant = level.lines[where.tenant];
  auto const owner = tenant.owner_at.at(where.owner);
  auto& lanes = owners_[owner].lanes;
  std::erase_if(lanes, [index](own_lane const& l) { return l.index == index; });
  tenant.shapes.remove(where.shape);
  level.shapes.remove(where.shape);
  if (lanes.empty()) {
    tenant.owners.remove(owners_[owner].at);
    free_owners_.push_back(owner);
    tenant.owner_at.erase(where.owner);
  }
  if (tenant.owner_at.empty()) {
    level.tenants.remove(tenant.at);
    flip(level.waiting, where.tenant);
    tenant.is_due = false;
    if (shares_ != nullptr)
      shares_->wait_no_more(where.tenant);
  } else {
    look_again(level, tenant);
  }
  lane_at_.erase(where);
  free_lanes_.push_back(index);
}

queue_slot ready_queues::push(job_id job, place const& where, timestamp since, bool at_front) {
  auto const lane = open_lane(where);
  return link(job, lane, since, take_order(at_front), at_front ? none : lanes_[lane].tail);
}

queue_slot ready_queues::insert(job_id job, place const& where, timestamp since,
                                std::int64_t order) {
  auto const lane = open_lane(where);
  auto behind = lanes_[lane].tail;
  if (behind != none && entries_[behind].order > order) {
    behind = none;
    for (auto next = lanes_[lane].head; entries_[next].order < order; next = entries_[next].after)
      behind = next;
  }
  return link(job, lane, since, order, behind);
}

/// Puts a job behind another one of the lane, or before all.
queue_slot ready_queues::link(job_id job, std::uint32_t lane_index, timestamp since,
                              std::int64_t order, queue_slot behind) {
  auto const slot = slot_in(entries_, free_entries_);
  auto& entry = entries_[slot];
  auto& lane = lanes_[lane_index];
  entry = {.job = job, .since = since, .order = order, .lane = lane_index, .before = behind};
  auto& from = behind == none ? lane.head : entries_[behind].after;
  // The last one of many has mostly left the cache: it is written, not read.
  entry.after = behind == lane.tail ? none : from;
  (entry.after == none ? lane.tail : entries_[entry.after].before) = slot;
  from = slot;
  if (behind == none) {
    lane.head_order = order;
    lane.head_job = job;
    lane.head_since = since;
  }
  ++lane.count;
  auto& level = level_of(lane.where);
  level.earliest = level.count == 0 ? since : std::min(level.earliest, since);
  ++level.count;
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
    if (lane.head != none) {
      auto const& head = entries_[lane.head];
      lane.head_order = head.order;
      lane.head_job = head.job;
      lane.head_since = head.since;
    }
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
  auto const now = standing(where.tenant);
  move(level, tenant, {now, ++last_turn_, where.tenant, tenant.at.shapes});
  if (tenant.owner_at.size() > 1)
    place_again(tenant, where.tenant, tenant.owner_at.at(where.owner), true);
  refresh(where.tenant, where.owner, now, &level);
  remove(slot);
}

double ready_queues::standing(tenant_index tenant) const {
  return shares_ == nullptr ? 0 : shares_->standing(tenant);
}

double ready_queues::standing(tenant_index tenant, owner_index owner) const {
  return shares_ == nullptr ? 0 : shares_->standing(tenant, owner);
}

void ready_queues::move(level_line& level, tenant_line& tenant, turn const& to) {
  level.tenants.move(tenant.at, to);
  tenant.at = to;
  tenant.is_due = false;
}

void ready_queues::move_later(level_line& level, tenant_line& tenant, double standing) {
  tenant.next_standing = standing;
  tenant.is_due = true;
  if (tenant.is_listed)
    return;
  tenant.is_listed = true;
  level.due.push_back(tenant.at.who);
}

void ready_queues::settle(level_line& level) {
  for (auto const index : level.due) {
    auto& tenant = level.lines[index];
    tenant.is_listed = false;
    if (tenant.is_due)
      move(level, tenant, {tenant.next_standing, tenant.at.served, index, tenant.at.shapes});
  }
  level.due.clear();
}

void ready_queues::place_again(tenant_line& tenant, tenant_index of, std::uint32_t owner,
                               bool was_served) {
  auto& own = owners_[owner];
  turn const to{standing(of, own.owner), was_served ? ++last_turn_ : own.at.served, owner, 0};
  tenant.owners.move(own.at, to);
  own.at = to;
}

void ready_queues::refresh(tenant_index tenant, owner_index owner, double standing,
                           level_line const* but_at) {
  for (auto& level : levels_) {
    if (&level == but_at)
      continue;
    if (level.lines.size() <= tenant || level.lines[tenant].owners.order().empty())
      continue;
    auto& line = level.lines[tenant];
    move_later(level, line, standing);
    if (line.owners.order().size() == 1)
      continue;  // it is before nobody; its standing is looked at when another one joins
    if (auto const at = line.owner_at.find(owner); at != line.owner_at.end())
      place_again(line, tenant, at->second, false);
  }
}

void ready_queues::refresh() {
  for (auto& level : levels_)
    for (tenant_index tenant = 0; tenant < level.lines.size(); ++tenant) {
      auto& line = level.lines[tenant];
      if (line.owner_at.empty())
        continue;
      move_later(level, line, standing(tenant));
      if (line.owner_at.size() > 1)
        for (auto const& [owner, at] : line.owner_at)
          place_again(line, tenant, at, false);
    }
}

queue_turn ready_queues::front(priority level, shape_set const& wanted, whose of,
                               queue_turn const& rival) const {
  auto& line = levels_[static_cast<std::size_t>(level)];
  if (!line.shapes.set().meets(wanted))
    return {};
  settle(line);
  auto most = std::numeric_limits<double>::infinity();
  if (rival) {
    auto const& where = place_of(rival);
    auto& of_rival = levels_[static_cast<std::size_t>(where.level)];
    settle(of_rival);
    most = of_rival.lines[where.tenant].at.standing;
  }
  if (of == whose::within_share && count_within_share(line) <= few)
    return first_of_few(line, wanted, most);
  auto const glance = wanted.glance();
  for (auto const& next : line.tenants.order()) {
    if ((next.shapes & glance) == 0)
      continue;
    if (next.standing > most)
      return {};
    if (of != whose::all &&
        (shares_ != nullptr && shares_->is_above(next.who)) != (of == whose::above_share))
      continue;
    if (auto const turn = front_of(next.who, line.lines[next.who], wanted))
      return turn;
  }
  return {};
}

/// A bit for each of 64 tenants that wait at the level.
std::uint64_t ready_queues::within_share(level_line const& level, std::size_t word) const {
  auto const waiting = level.waiting[word];
  return waiting == 0 || shares_ == nullptr ? waiting : waiting & ~shares_->above(word);
}

/// More than a few are not counted.
std::size_t ready_queues::count_within_share(level_line const& level) const {
  std::size_t count = 0;
  for (std::size_t word = 0; word < level.waiting.size() && count <= few; ++word)
    for (auto left = within_share(level, word); left != 0 && count <= few; left &= left - 1)
      ++count;
  return count;
}

/// Of those within their share. They are served first, so that mostly few of many who wait are
/// left, anywhere in the round.
queue_turn ready_queues::first_of_few(level_line const& level, shape_set const& wanted,
                                      double most) const {
  auto const glance = wanted.glance();
  turn const* first = nullptr;
  queue_turn found;
  for (std::size_t word = 0; word < level.waiting.size(); ++word)
    for (auto left = within_share(level, word); left != 0; left &= left - 1) {
      auto const tenant = static_cast<tenant_index>(64 * word + std::countr_zero(left));
      auto const& line = level.lines[tenant];
      if ((line.at.shapes & glance) == 0 || line.at.standing > most ||
          (first != nullptr && !(line.at < *first)))
        continue;
      if (auto const turn = front_of(tenant, line, wanted)) {
        first = &line.at;
        found = turn;
      }
    }
  return found;
}

bool ready_queues::has_turn(priority level, shape_index shape) const {
  shape_set only;
  only.add(shape);
  return static_cast<bool>(front(level, only));
}

/// None when it waits for none of the wanted shapes, or none of these is admitted.
queue_turn ready_queues::front_of(tenant_index index, tenant_line const& tenant,
                                  shape_set const& wanted) const {
  for (auto const& own : tenant.owners.order()) {
    auto best = none;
    for (auto const [shape, at] : owners_[own.who].lanes) {
      if (!wanted.contains(shape))
        continue;
      if ((best == none || lanes_[at].head_order < lanes_[best].head_order) &&
          (!admits_ || admits_(index, shape)))
        best = at;
    }
    if (best != none)
      return {lanes_[best].head, best, lanes_[best].head_job, lanes_[best].head_since};
  }
  return {};
}

void ready_queues::check_tenant(level_line const& level, tenant_index tenant,
                                std::size_t& jobs) const {
  auto const& line = level.lines[tenant];
  std::unordered_map<shape_index, std::uint32_t> lanes_of;
  std::size_t owners = 0;
  for (auto const& next : line.owners.order()) {
    auto const at = next.who;
    auto const& own = owners_[at];
    ++owners;
    NSAI_ASSERT(line.owner_at.at(own.owner) == at && !own.lanes.empty());
    NSAI_ASSERT(!(own.at < next) && !(next < own.at));
    for (auto const [shape, index] : own.lanes) {
      auto const& lane = lanes_[index];
      NSAI_ASSERT(lane.where.shape == shape);
      NSAI_ASSERT(lane.where.tenant == tenant && lane.where.owner == own.owner && lane.count > 0);
      NSAI_ASSERT(lane_at_.at(lane.where) == index);
      NSAI_ASSERT(lane.head_order == entries_[lane.head].order);
      NSAI_ASSERT(lane.head_job == entries_[lane.head].job);
      NSAI_ASSERT(lane.head_since == entries_[lane.head].since);
      ++lanes_of[lane.where.shape];
      std::size_t in_lane = 0;
      for (auto slot = lane.head; slot != none; slot = entries_[slot].after, ++in_lane)
        NSAI_ASSERT(entries_[slot].lane == index && entries_[slot].since >= level.earliest);
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
  for (auto& level : levels_)
    settle(level);
  std::size_t total = 0;
  std::size_t lanes = 0;
  for (auto const& level : levels_) {
    std::size_t in_level = 0;
    std::size_t waiting = 0;
    for (auto const& next : level.tenants.order()) {
      ++waiting;
      auto const& line = level.lines[next.who];
      NSAI_ASSERT(!(line.at < next) && !(next < line.at));
      NSAI_ASSERT(next.shapes == line.shapes.set().glance());
      NSAI_ASSERT((level.waiting[next.who / 64] >> (next.who % 64) & 1) != 0);
      check_tenant(level, next.who, in_level);
    }
    NSAI_ASSERT(in_level == level.count);
    NSAI_ASSERT(waiting == std::accumulate(level.waiting.begin(), level.waiting.end(),
                                           std::size_t{0}, [](std::size_t sum, std::uint64_t word) {
                                             return sum + std::popcount(word);
                                           }));
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
