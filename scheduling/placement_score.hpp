#pragma once

#include <limits>
#include <vector>

#include "scheduling/node_room.hpp"
#include "scheduling/placement_policy.hpp"
#include "scheduling/request_mix.hpp"
#include "scheduling/shapes.hpp"

namespace nsai::scheduling {

/// Less is better; equal ratings go to the node that was registered first.
using rating = std::uint64_t;
inline constexpr rating no_room = std::numeric_limits<rating>::max();

/// Rates places for one request: a function of what the request needs (`shape::needs` must be
/// complete), what is free on the node, and the demand learned. Formulas are in the source file.
class placement_score {
 public:
  placement_score(placement_policy policy, demand const& learned, cluster const& nodes,
                  bool share_between_tenants)
      : policy_(policy),
        demand_(learned),
        classes_(nodes.device_classes()),
        gpus_per_cpu_(1 / learned.cpu_per_gpu),
        most_cpu_(static_cast<double>(nodes.most_cpus())),
        most_gpu_milli_(1000.0 * static_cast<double>(nodes.most_devices())),
        share_between_tenants_(share_between_tenants) {}

  /// `no_room` where cpu, memory or devices are lacking.
  rating rate(shape const& s, node_room const& room);
  /// Positions of the devices that the request takes where it has room. `draw`: a random number,
  /// for the policy `random`.
  std::vector<std::uint32_t> choose(shape const& s, node_room const& room, std::uint64_t draw);

 private:
  /// What a placement takes of the devices of a node.
  struct taken {
    std::int64_t gpu_milli = 0;
    std::uint32_t idle_devices = 0;  // devices that were idle
    std::int64_t memory_mb = 0;      // of those
    double hole = 0;                 // growth of what single devices leave unused, in GPUs
    double scarcity = 0;             // of their models, times the GPUs taken
  };
  bool has_room(shape const& s, device_room const& d) const;
  bool take(shape const& s, node_room const& room, taken& what);
  bool take_share(shape const& s, node_room const& room, taken& what);
  bool take_whole(shape const& s, node_room const& room, taken& what);
  void prefer_linked(node_room const& room, std::size_t count);
  void add(shape const& s, device_room const& d, taken& what) const;
  double hole(device_room const& d, std::int32_t less = 0) const;
  /// By what a device is preferred for a share; less is better.
  double prefers(shape const& s, node_room const& room, std::uint32_t position) const;
  room_value const& value_of(node_room const& room);
  double unused(node_room const& room, double hole, taken const& what, std::int64_t cpu) const;
  double fragmentation(node_room const& room, std::int64_t cpu, std::int64_t gpu_milli) const;
  double fragmentation_with(shape const& s, node_room const& room);

  rating balanced(shape const& s, node_room const& room, taken const& what);
  rating fgd(shape const& s, node_room const& room);
  rating best_fit(shape const& s, node_room const& room, taken const& what) const;
  rating packing(shape const& s, node_room const& room, taken const& what) const;
  rating spread(shape const& s, node_room const& room, taken const& what) const;
  rating cheapest(shape const& s, node_room const& room, taken const& what) const;

  placement_policy policy_;
  demand const& demand_;
  std::vector<device_class> const& classes_;
  double gpus_per_cpu_;
  double most_cpu_;
  double most_gpu_milli_;
  bool share_between_tenants_;
  std::vector<std::uint32_t> chosen_;  // positions, by the latest `take`
  std::vector<std::int32_t> after_;    // free thousandths by position, for `fragmentation`
};

}  // namespace nsai::scheduling
