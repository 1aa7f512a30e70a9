#pragma once

#include <algorithm>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include <tsl/robin_map.h>

#include "messages/attempt.hpp"
#include "messages/node.hpp"
#include "scheduling/boxed.hpp"
#include "scheduling/indices.hpp"
#include "scheduling/prefetch.hpp"

namespace nsai::scheduling {

struct attempt_ref_hash {
  std::size_t operator()(attempt_ref const& r) const noexcept {
    return ((r.job.value << 8) ^ r.attempt) * 0x9e3779b97f4a7c15ULL >> 16;
  }
};

/// What an attempt has of a device: the rest of a grant is the device's own.
struct held_device {
  std::uint32_t index = 0;
  std::int64_t memory_mb = 0;
  std::int64_t share_milli = 1000;
  held_device(device_grant const& g)
      : index(g.index), memory_mb(g.memory_mb), share_milli(g.share_milli) {}
};

/// What one attempt occupies on its node.
struct holding {
  std::int64_t cpu = 0;
  std::int64_t memory_mb = 0;
  std::vector<held_device> devices;
  tenant_index tenant = none;  // none: not known (a superseded attempt found on the node)
  bool ahead = false;          // waits on the node for room: occupies nothing yet
  bool superseded = false;     // not a current attempt any more; occupies until it is gone
};

/// What a device is, in numbers of the cluster.
struct device_kind {
  model_index model = none;
  device_class_index device_class = none;
};

/// A share counts as much as the larger of itself and its part of the memory.
std::int64_t charge_of(std::int64_t share_milli, std::int64_t memory_mb,
                       std::int64_t device_memory_mb);

inline bool withheld(place_health health, bool in_use) {
  return health == place_health::quarantined || (health == place_health::probation && in_use);
}

/// What is thought of a device or node (health.hpp).
struct wellbeing {
  std::uint32_t place = none;  // its number there
  place_health health = place_health::sound;
  std::string reason;
  timestamp until;

  /// Whether it takes nothing (more), in use or not.
  bool withholds(bool in_use) const { return withheld(health, in_use); }
};

/// The use of one device: what every look at it needs, in one line of the cache. The devices of a
/// node lie side by side; what is asked for seldom lies elsewhere.
class alignas(64) device_state {
 public:
  struct use {
    attempt_ref ref;
    tenant_index tenant;
    std::int64_t charge;
    std::int64_t memory_mb;
  };
  device_state(gpu_info described, device_kind kind);

  std::vector<use> uses;
  std::int64_t memory_mb = 0;

 private:
  std::int32_t offered_mb_ = 0;
  std::int32_t total_mb_ = 0;
  struct details {
    gpu_info info;
    model_index model = none;
    wellbeing well;
    gpu_state state;
  };
  boxed<details> rest_;  // always there

 public:
  std::uint32_t index = 0;  // this and `link_group` are as in `info`
  std::uint32_t link_group = 0;
  device_class_index device_class = none;
  std::int16_t charge = 0;  // thousandths of the device, at most 1000

 private:
  place_health health_ = place_health::sound;  // of `well`

 public:
  gpu_info const& info() const { return rest_->info; }
  model_index model() const { return rest_->model; }
  wellbeing const& well() const { return rest_->well; }
  gpu_state const& state() const { return rest_->state; }
  void set_well(wellbeing w);
  void set_state(gpu_state now);
  void set_place(std::uint32_t place) { rest_->well.place = place; }
  /// Whether it takes nothing (more), in use or not.
  bool withholds(bool in_use) const { return withheld(health_, in_use); }
  /// Nobody has it, and it may be given.
  bool is_free() const { return uses.empty() && !withholds(false); }
  /// What of its memory is not held by strangers.
  std::int64_t memory_offered() const { return offered_mb_; }
  /// As in `info`, from 0 to 2 PiB.
  std::int64_t memory_total() const { return total_mb_; }
  /// What is asked for seldom will be.
  void prefetch_details() const { prefetch_lines(&rest_->info, sizeof rest_->info); }
  bool offers_all_memory() const { return offered_mb_ == total_mb_; }
  std::int64_t charge_of(std::int64_t share_milli, std::int64_t memory) const {
    return scheduling::charge_of(share_milli, memory, total_mb_);
  }
};
static_assert(sizeof(device_state) == 64);

/// What has changed on the nodes.
struct node_changes {
  std::vector<node_index> nodes;  // since they were read off last (`cluster::by_room`)
  std::uint64_t count = 0;        // of all changes ever
};

/// One registered node: what it offers, who occupies it, when it was heard.
class node_state {
 public:
  node_info info;
  kind_index kind = none;
  std::uint64_t session = 0;  // 0: none
  node_status status = node_status::ready;
  bool leaving = false;
  timestamp rests_until;  // 0: it does not rest
  bool draining = false;  // by an order or a window (service.hpp)
  bool told_drained = false;
  timestamp horizon;     // what starts on it has to be over by then; 0: no bound
  timestamp leaves_at;   // by itself; 0: never
  bool is_kept = false;  // some of its room is kept for a job (reservation.hpp)
  wellbeing well;
  bool one_at_a_time = false;   // several jobs in a row have failed there
  bool avoids_retries = false;  // so what has failed once goes elsewhere, for a while
  timestamp last_heard;
  std::deque<std::uint32_t> ports;  // free ones that it has chosen, for gangs whose rank 0 it gets
  std::vector<bool> stages;         // by stage_index
  std::vector<device_state> devices;
  bool uniform =
      false;  // its devices are of one model and size, and all of their memory is offered

  bool takes_grants() const {
    bool const in_use = attempts() > 0;
    return status == node_status::ready && !leaving && !rests_until && !draining &&
           !well.withholds(in_use) && !(one_at_a_time && in_use);
  }
  /// Whether it, or a device of it, is kept from jobs for what failed there.
  bool is_withheld() const;
  /// Whether what takes so long is over before a window begins or the node leaves.
  bool has_time_for(std::int64_t bound_ms, timestamp now) const {
    return !horizon || now + bound_ms <= horizon;
  }
  bool has_stage(stage_index stage) const { return stage < stages.size() && stages[stage]; }
  std::int64_t cpu_free() const { return info.cpus.value - cpu_used_; }
  std::int64_t memory_free() const { return info.memory_mb - memory_used_; }
  std::int64_t cpu_used() const { return cpu_used_; }
  std::int64_t memory_used() const { return memory_used_; }
  std::size_t free_devices() const { return free_devices_; }
  std::size_t attempts() const { return holdings_.size(); }
  std::size_t ahead() const { return ahead_; }

  /// From now on the node puts `self` into `changed` when what is free on it changes, until it was
  /// `seen`.
  void report_changes(node_index self, node_changes* changed);
  void report_to(node_changes* changed) { changed_ = changed; }
  void seen() { has_changed_ = false; }
  bool has_changed() const { return has_changed_; }

  /// A node that says what it offers, with nothing held.
  void reset(node_info offered, std::vector<bool> stages_offered,
             std::vector<device_kind> const& kinds);
  /// It has one more device than it said; what is held stays.
  void add_device(gpu_info const& offered, device_kind kind);

  /// Its devices will be asked for soon.
  void prefetch_devices() const {
    prefetch_lines(devices.data(), devices.size() * sizeof(device_state));
  }

  /// What is thought of one of its devices, by position.
  void set_well(std::size_t position, wellbeing w);
  /// How one of its devices is, by position. Whether it offers another amount of memory now.
  bool set_state(std::size_t position, gpu_state now);
  bool has_room(holding const& h) const;
  /// Without room, or behind others that wait, it joins those that wait on the node.
  holding const& hold(attempt_ref ref, holding h);
  holding const* find(attempt_ref ref) const;
  /// As granted; empty when the attempt is not held.
  std::vector<device_grant> devices_of(attempt_ref ref) const;
  /// Gives back what the attempt occupied; those that wait on the node move up, the oldest first.
  void release(attempt_ref ref);
  /// Everything held, in order of attempt.
  std::vector<attempt_ref> held() const;
  void clear();
  /// The books against their sum.
  void check() const;

 private:
  void changes();
  bool is_uniform() const;
  void occupy(attempt_ref ref, holding const& h);
  void vacate(attempt_ref ref, holding const& h);
  void move_up();
  device_state const* device(std::uint32_t index) const;
  device_state* device(std::uint32_t index) {
    return const_cast<device_state*>(std::as_const(*this).device(index));
  }

  node_index self_ = none;
  node_changes* changed_ = nullptr;
  bool has_changed_ = false;
  std::int64_t cpu_used_ = 0;
  std::int64_t memory_used_ = 0;
  std::size_t free_devices_ = 0;
  std::size_t ahead_ = 0;
  tsl::robin_map<attempt_ref, holding, attempt_ref_hash> holdings_;
  std::deque<attempt_ref>
      waiting_;  // in order of arrival; those no longer ahead are dropped when met
};

}  // namespace nsai::scheduling
