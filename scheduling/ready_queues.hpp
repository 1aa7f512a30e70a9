#pragma once

#include <array>
#include <unordered_map>
#include <vector>

#include "messages/job.hpp"
#include "scheduling/indices.hpp"
#include "scheduling/shape_set.hpp"

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
/// order of arrival counts. The next job is found by walking the round of tenants to the first that
/// has a wanted shape: that costs by the number of tenants, owners and shapes, never by the number
/// of jobs, and mostly the first has one.
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

  /// The job that has the turn among the jobs of the `wanted` shapes; `none` when there is none.
  queue_slot front(priority level, shape_set const& wanted) const;

  queue_entry const& operator[](queue_slot slot) const { return entries_[slot]; }
  place const& place_of(queue_slot slot) const { return lanes_[entries_[slot].lane].where; }
  std::size_t count(priority level) const { return levels_[static_cast<std::size_t>(level)].count; }
  std::size_t count() const { return count_; }
  /// The shapes that wait at a level, in no particular order.
  std::vector<shape_index> const& shapes(priority level) const {
    return levels_[static_cast<std::size_t>(level)].shapes.list();
  }
  /// Compares the books with the lanes themselves.
  void check() const;

 private:
  struct lane {
    place where{};
    queue_slot head = none;
    queue_slot tail = none;
    std::int64_t head_order = 0;  // that of the entry at `head`
    std::size_t count = 0;
  };
  /// Who comes next: the members in the order in which they were served, new ones last. Each member
  /// of a round has `before` and `after`.
  struct round {
    std::uint32_t head = none;
    std::uint32_t tail = none;
    template <class Lines>
    void append(Lines& lines, std::uint32_t who);
    template <class Lines>
    void take_out(Lines& lines, std::uint32_t who);
  };
  /// The shapes of a line, each with the number of lanes it stands for.
  class counted_shapes {
   public:
    void add(shape_index shape);
    void remove(shape_index shape);
    shape_set const& set() const { return set_; }
    std::vector<shape_index> const& list() const { return set_.list(); }
    std::uint32_t count(shape_index shape) const;

   private:
    shape_set set_;
    std::unordered_map<shape_index, std::uint32_t> counts_;
  };
  struct owner_line {
    owner_index owner = none;
    std::uint32_t before = none;
    std::uint32_t after = none;
    std::vector<std::uint32_t> lanes;
  };
  struct tenant_line {
    std::uint32_t before = none;
    std::uint32_t after = none;
    counted_shapes shapes;
    round owners;
    std::unordered_map<owner_index, std::uint32_t> owner_at;  // in owners_
  };
  struct level_line {
    counted_shapes shapes;
    round tenants;
    std::vector<tenant_line> lines;  // by tenant; those without owners wait for nothing
    std::size_t count = 0;
  };
  struct place_hash {
    std::size_t operator()(place const& p) const noexcept;
  };

  level_line& level_of(place const& p) { return levels_[static_cast<std::size_t>(p.level)]; }
  std::uint32_t open_lane(place const& where);
  void close_lane(std::uint32_t index);
  void check_tenant(level_line const& level, tenant_index tenant, std::size_t& jobs) const;

  std::array<level_line, priority_levels> levels_;
  std::vector<queue_entry> entries_;
  std::vector<queue_slot> free_entries_;
  std::vector<lane> lanes_;
  std::vector<std::uint32_t> free_lanes_;
  std::vector<owner_line> owners_;
  std::vector<std::uint32_t> free_owners_;
  std::unordered_map<place, std::uint32_t, place_hash> lane_at_;
  std::int64_t next_order_ = 0;
  std::int64_t front_order_ = -1;
  std::size_t count_ = 0;
};

}  // namespace nsai::scheduling
