#pragma once

#include <array>
#include <functional>
#include <memory_resource>
#include <unordered_map>
#include <vector>

#include <tsl/robin_map.h>

#include "messages/job.hpp"
#include "scheduling/fair_share.hpp"
#include "scheduling/indices.hpp"
#include "scheduling/prefetch.hpp"
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

/// A job that has the turn, with what is known of it without a look at its entry: of a million
/// entries most are not in the cache.
struct queue_turn {
  queue_slot slot = none;
  std::uint32_t lane = none;
  job_id job;
  timestamp since;  // of being queued
  explicit operator bool() const { return slot != none; }
};

/// Which tenants' jobs are looked at.
enum class whose : std::uint8_t { all, within_share, above_share };

/// Queued jobs by priority level, tenant, owner and shape. Within a level the tenant with the
/// lowest standing (fair_share.hpp) has the turn, within a tenant the owner with the lowest, then
/// the order of arrival counts. Among equals it is who was served longest ago. The next job is
/// found by walking the tenants in this order to the first that has a wanted shape (or, where few
/// are within their share, among these): that costs by the number of tenants, owners and shapes,
/// never by the number of jobs, and mostly the first has one.
class ready_queues {
 public:
  /// Without `shares` all standings are equal. Both have to live as long; a copy lies on the heap.
  explicit ready_queues(fair_share* shares = nullptr,
                        std::pmr::memory_resource* memory = std::pmr::new_delete_resource())
      : shares_(shares), entries_(memory) {}

  /// Jobs of this tenant and shape have no turn while `admits` says no; nullptr: all have. Asked
  /// anew for every look at a front.
  using admission = std::function<bool(tenant_index, shape_index)>;
  /// A copy asks the shares of the one it was copied from, until this; and for whom it admits.
  void rewire(fair_share* shares) { shares_ = shares; }
  void admit_by(admission admits) { admits_ = std::move(admits); }
  bool is_limited() const { return static_cast<bool>(admits_); }

  struct place {
    priority level;
    tenant_index tenant;
    owner_index owner;
    shape_index shape;
    bool grouped = false;  // jobs of concurrency groups come and go out of order (`insert`)
    friend bool operator==(place const&, place const&) = default;
  };

  queue_slot push(job_id job, place const& where, timestamp since, bool at_front);
  /// An order for a job that is put in later: behind all that came, or before all.
  std::int64_t take_order(bool at_front) { return at_front ? front_order_-- : next_order_++; }
  /// Puts a job in where its order has it. Costs by the number of those in its lane that stand
  /// before it.
  queue_slot insert(job_id job, place const& where, timestamp since, std::int64_t order);
  /// Takes a job out that got no turn (it was canceled, or its deadline passed).
  void remove(queue_slot slot);
  /// Takes a job out that got its turn: its tenant and owner go to the end of theirs. Their
  /// standings may have changed.
  void serve(queue_slot slot);

  /// The job that has the turn among the jobs of the `wanted` shapes; none when there is none, or
  /// when its tenant's standing is higher than that of the `rival`, if there is one.
  queue_turn front(priority level, shape_set const& wanted, whose of = whose::all,
                   queue_turn const& rival = {}) const;
  /// Another job as if it had the turn.
  queue_turn turn_of(queue_slot slot) const {
    auto const& entry = entries_[slot];
    return {slot, entry.lane, entry.job, entry.since};
  }
  /// Whether some job of the shape has a turn at the level: some tenant's is admitted.
  bool has_turn(priority level, shape_index shape) const;
  /// The standings of a tenant and an owner have changed. The tenant moves in the round of a level
  /// when that is asked next.
  void refresh(tenant_index tenant, owner_index owner) {
    refresh(tenant, owner, standing(tenant), nullptr);
  }
  /// All may have changed.
  void refresh();

  /// An entry, or the one behind it, will be asked for soon.
  void prefetch(queue_slot slot) const { prefetch_lines(&entries_[slot], sizeof(queue_entry)); }
  void prefetch_behind(queue_slot slot) const {
    if (auto const behind = entries_[slot].after; behind != none)
      prefetch(behind);
  }
  queue_entry const& operator[](queue_slot slot) const { return entries_[slot]; }
  place const& place_of(queue_slot slot) const { return lanes_[entries_[slot].lane].where; }
  place const& place_of(queue_turn const& turn) const { return lanes_[turn.lane].where; }
  std::size_t count(priority level) const { return levels_[static_cast<std::size_t>(level)].count; }
  std::size_t count() const { return count_; }
  /// No job at the level has waited for longer than since then.
  timestamp earliest(priority level) const {
    return levels_[static_cast<std::size_t>(level)].earliest;
  }
  /// The shapes that wait at a level, in no particular order.
  std::vector<shape_index> const& shapes(priority level) const {
    return levels_[static_cast<std::size_t>(level)].shapes.list();
  }
  /// Compares the books with the lanes themselves.
  void check() const;

 private:
  struct alignas(64) lane {
    place where{};
    queue_slot head = none;
    queue_slot tail = none;
    std::int64_t head_order = 0;  // this and those below are of the entry at `head`
    job_id head_job{};
    timestamp head_since{};
    std::size_t count = 0;
  };
  struct turn {
    double standing = 0;
    std::uint64_t served = 0;  // when it was, or joined: never at once with another
    std::uint32_t who = none;
    std::uint64_t shapes = 0;  // what it waits for, at a glance (shape_set.hpp)
    friend bool operator<(turn const& a, turn const& b) {
      return a.standing != b.standing ? a.standing < b.standing : a.served < b.served;
    }
  };
  /// Who comes next. Each member keeps its `turn`.
  class round {
   public:
    void add(turn const& at);
    void remove(turn const& at);
    void move(turn const& from, turn const& to);
    void look_again(turn const& at) { *find(at) = at; }
    std::vector<turn> const& order() const { return order_; }

   private:
    std::vector<turn>::iterator find(turn const& at);

    std::vector<turn> order_;  // sorted
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
  struct own_lane {
    shape_index shape;
    std::uint32_t index;  // in lanes_
  };
  struct owner_line {
    owner_index owner = none;
    turn at;
    std::vector<own_lane> lanes;
  };
  /// What every change of a standing looks at comes first, in one line of the cache.
  struct alignas(64) tenant_line {
    turn at;
    double next_standing = 0;  // that it has, and no place in the round for yet, when `is_due`
    bool is_due = false;
    bool is_listed = false;  // among those that `settle` looks at
    round owners;
    counted_shapes shapes;
    std::unordered_map<owner_index, std::uint32_t> owner_at;  // in owners_
  };
  struct level_line {
    counted_shapes shapes;
    round tenants;
    std::vector<std::uint64_t> waiting;  // a bit for each tenant in the round
    std::vector<tenant_line> lines;      // by tenant; those without owners wait for nothing
    std::vector<tenant_index> due;       // to be moved in the round before it is asked for
    std::size_t count = 0;
    timestamp earliest;  // of all that wait, or of one that did since the level was empty last
  };
  struct place_hash {
    std::size_t operator()(place const& p) const noexcept;
  };

  level_line& level_of(place const& p) { return levels_[static_cast<std::size_t>(p.level)]; }
  queue_slot link(job_id job, std::uint32_t lane_index, timestamp since, std::int64_t order,
                  queue_slot behind);
  std::uint32_t open_lane(place const& where);
  void close_lane(std::uint32_t index);
  double standing(tenant_index tenant) const;
  double standing(tenant_index tenant, owner_index owner) const;
  void refresh(tenant_index tenant, owner_index owner, double standing, level_line const* but_at);
  static void move(level_line& level, tenant_line& tenant, turn const& to);
  static void move_later(level_line& level, tenant_line& tenant, double standing);
  static void settle(level_line& level);
  static void look_again(level_line& level, tenant_line& tenant);
  void place_again(tenant_line& tenant, tenant_index of, std::uint32_t owner, bool was_served);
  queue_turn front_of(tenant_index index, tenant_line const& tenant, shape_set const& wanted) const;
  std::uint64_t within_share(level_line const& level, std::size_t word) const;
  std::size_t count_within_share(level_line const& level) const;
  queue_turn first_of_few(level_line const& level, shape_set const& wanted, double most) const;
  void check_tenant(level_line const& level, tenant_index tenant, std::size_t& jobs) const;

  fair_share* shares_;
  admission admits_;
  mutable std::array<level_line, priority_levels> levels_;  // rounds are settled when asked for
  std::pmr::vector<queue_entry> entries_;
  std::vector<queue_slot> free_entries_;
  std::vector<lane> lanes_;
  std::vector<std::uint32_t> free_lanes_;
  std::vector<owner_line> owners_;
  std::vector<std::uint32_t> free_owners_;
  tsl::robin_map<place, std::uint32_t, place_hash> lane_at_;
  std::int64_t next_order_ = 0;
  std::int64_t front_order_ = -1;
  std::uint64_t last_turn_ = 0;
  std::size_t count_ = 0;
};

}  // namespace nsai::scheduling
