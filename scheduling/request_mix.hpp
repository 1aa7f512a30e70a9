#pragma once

#include <array>
#include <string>
#include <unordered_map>
#include <vector>

#include "messages/resources.hpp"
#include "scheduling/cluster.hpp"

namespace nsai::scheduling {

/// A request of the mix as it meets a device class that serves it.
struct typical_request {
  std::int64_t cpu = 0;
  std::int32_t devices = 0;
  std::int32_t milli = 0;  // of each device
  float part = 0;          // of all requests, those for no GPU included
};

/// What the mix of requests asks of one class of devices (a model with a memory size).
struct class_demand {
  /// The part of the class that requests which not every class serves would claim, were the
  /// cluster full of the mix. May exceed 1.
  float scarcity = 0;
  /// By free thousandths of a device: GPUs of it that a request drawn from the mix is expected to
  /// leave unused, f x P(it asks for more than f).
  std::array<float, 1001> hole{};
  /// By idle devices of a node: GPUs that requests for more devices at once cannot use.
  std::vector<float> too_few;
  /// By free cpu of a node, in steps of `cpu_step`: the part of the requests that find their cpu.
  std::vector<float> enough_cpu;
  /// The frequent requests themselves; for the policy `fgd`.
  std::vector<typical_request> typical;

  static constexpr std::int64_t cpu_step = 125;  // thousandths of a core
  float too_few_with(std::size_t idle) const { return idle < too_few.size() ? too_few[idle] : 0; }
  float enough_cpu_with(std::int64_t cpu) const {
    auto const step = static_cast<std::size_t>(cpu / cpu_step);
    return step < enough_cpu.size() ? enough_cpu[step] : 1;
  }
};

/// What was learned, as the scores read it.
struct demand {
  std::uint64_t version = 0;  // changes when anything here does
  double cpu_per_gpu = 1000;  // thousandths of a core that requests for GPUs ask for with each
  std::vector<class_demand> classes;  // by device class
};

/// Learns the mix of requests from those it is told of. Older ones count less: half as much every
/// `half_life` requests. Knows nothing beforehand but the cluster, which counts as much as requests
/// for `prior_gpus` GPUs that any class serves, with the cores per GPU that the cluster has.
class request_mix {
 public:
  static constexpr double half_life = 10'000;
  static constexpr double prior_gpus = 8;

  /// One more job asks for this. `slot`: where the same request stands, or was before; kept by the
  /// caller from one call to the next (`none` at first), so that nothing is looked up.
  void note(resources const& r, std::uint32_t& slot);

  /// The demand as learned so far. Renewed now and then only, when it has changed by more than
  /// noise: scores that were made with it hold as long.
  demand const& learned(cluster const& nodes);

  std::size_t size() const { return entries_.size(); }

 private:
  struct key {
    std::int64_t cpu = 0;
    std::int64_t gpu_memory_mb = 0;
    std::int32_t devices = 0;
    std::int32_t milli = 0;
    std::string model;
    explicit key(resources const& r);
    bool is(resources const& r) const;
    friend bool operator==(key const&, key const&) = default;
  };
  struct key_hash {
    std::size_t operator()(key const& k) const noexcept;
  };
  struct entry {
    key asks;
    double weight = 0;
    std::vector<bool> served_by{};  // device classes
  };
  bool has_changed(cluster const& nodes) const;
  void forget_rare();
  void judge_classes(cluster const& nodes);
  demand learn(cluster const& nodes) const;
  std::vector<float> typical_parts() const;
  void learn_class(device_class_index c, std::vector<float> const& typical, class_demand& to) const;

  std::vector<entry> entries_;
  std::unordered_map<key, std::uint32_t, key_hash> index_;
  double weight_ = 1;  // of the next request
  double noted_ = 0;
  double renew_at_ = 1;
  // The cluster of which was learned.
  std::uint64_t cluster_epoch_ = 0;
  std::vector<device_class> of_classes_;
  std::int64_t of_cpus_ = 0;
  demand learned_;
};

}  // namespace nsai::scheduling
