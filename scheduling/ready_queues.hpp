#pragma once

#include <array>
#include <map>
#include <set>
#include <unordered_map>
#include <vector>

#include "messages/job.hpp"
#include "scheduling/indices.hpp"

namespace nsai::scheduling {

inline constexpr std::size_t priority_levels = 4;

/// A waiting job and where it stands.
struct queue_entry {
  job_id job;
  timestamp since;
  std::int64_t order = 0;  // of arrival; those put back at the front are negative
  std::uint32_t lane = none;
  queue_slot before = none;
  queue_slot after = none;
};

/// Queued jobs by priority level, tenant, owner and shape. Within a level the tenant that was
/// served longest ago has the turn, within a tenant the owner that was served longest ago, then the
/// order of arrival counts. Finding the next job costs by the number of shapes that wait, never by
/// the number of jobs.
class ready_queues {
 public:
  struct place {
    priority level;
    tenant_index tenant;
    owner_index owner;
    shape_index shape;
    friend bool operator==(place const&, place const&) = default;
  };

  queue_slot push(job_id job, place const& where, timestamp since, bool at_front);
  /// Takes a job out that got no turn (it was canceled, or its deadline passed).
  void remove(queue_slot slot);
  /// Takes a job out that got its turn: its tenant and owner go to the end of theirs.
  void serve(queue_slot slot);

  /// The job that has the turn among the jobs of the shapes that are `wanted`; `none` when there is
  /// none.
  template <class Wanted>
  queue_slot front(priority level, Wanted&& wanted) const;

  queue_entry const& operator[](queue_slot slot) const { return entries_[slot]; }
  place const& place_of(queue_slot slot) const { return lanes_[entries_[slot].lane].where; }
  std::size_t count(priority level) const { return levels_[static_cast<std::size_t>(level)].count; }
  std::size_t count() const { return count_; }
  /// The shapes that wait at a level, in order of index.
  template <class F>
  void for_each_shape(priority level, F&& visit) const {
    for (auto const& [shape, tenants] : levels_[static_cast<std::size_t>(level)].shapes)
      visit(shape);
  }
  /// Compares the books with the lanes themselves.
  void check() const;

 private:
  using turn = std::uint64_t;
  using turns = std::set<std::pair<turn, std::uint32_t>>;  // with a tenant or owner
  struct lane {
    place where{};
    queue_slot head = none;
    queue_slot tail = none;
    std::size_t count = 0;
  };
  struct owner_line {
    turn served = 0;
    std::vector<std::uint32_t> lanes;
  };
  struct tenant_line {
    turn served = 0;
    std::map<shape_index, turns> shapes;  // its owners that wait with the shape
    std::unordered_map<owner_index, owner_line> owners;
  };
  struct level_line {
    std::map<shape_index, turns> shapes;  // the tenants that wait with the shape
    std::unordered_map<tenant_index, tenant_line> tenants;
    std::size_t count = 0;
  };
  struct place_hash {
    std::size_t operator()(place const& p) const noexcept;
  };

  level_line& level_of(place const& p) { return levels_[static_cast<std::size_t>(p.level)]; }
  std::uint32_t open_lane(place const& where);
  void close_lane(std::uint32_t index);
  static void move_turn(turns& waiting, turn from, turn to, std::uint32_t who);

  std::array<level_line, priority_levels> levels_;
  std::vector<queue_entry> entries_;
  std::vector<queue_slot> free_entries_;
  std::vector<lane> lanes_;
  std::vector<std::uint32_t> free_lanes_;
  std::unordered_map<place, std::uint32_t, place_hash> lane_at_;
  turn turn_ = 0;
  std::int64_t next_order_ = 0;
  std::int64_t front_order_ = -1;
  std::size_t count_ = 0;
};

template <class Wanted>
queue_slot ready_queues::front(priority level, Wanted&& wanted) const {
  auto const& line = levels_[static_cast<std::size_t>(level)];
  auto const first_of = [&](std::map<shape_index, turns> const& shapes) {
    std::pair<turn, std::uint32_t> best{0, none};
    for (auto const& [shape, waiting] : shapes)
      if ((best.second == none || *waiting.begin() < best) && wanted(shape))
        best = *waiting.begin();
    return best.second;
  };
  auto const tenant = first_of(line.shapes);
  if (tenant == none)
    return none;
  auto const& own = line.tenants.at(tenant);
  auto const& owner = own.owners.at(first_of(own.shapes));
  queue_slot best = none;
  for (auto const index : owner.lanes) {
    auto const& lane = lanes_[index];
    bool const earlier = best == none || entries_[lane.head].order < entries_[best].order;
    if (earlier && wanted(lane.where.shape))
      best = lane.head;
  }
  return best;
}

}  // namespace nsai::scheduling
