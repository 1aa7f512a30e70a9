#pragma once

#include <vector>

#include "messages/resources.hpp"
#include "simulation/cluster_description.hpp"
#include "simulation/workload.hpp"

namespace nsai::simulation {

/// How many GPUs are free and of no use: what a request for GPUs, drawn from the workload, is
/// expected to be unable to take of the free devices ("Beware of Fragmentation", USENIX ATC 2023).
/// Of a node that lacks the cpu, the memory or the devices for a request, that is all that is free;
/// else the devices that have less free than the request takes of each, or are of another model.
/// The mix is that of the whole workload: its most frequent requests, at most 64.
class fragmentation {
 public:
  fragmentation(std::vector<described_node> const& nodes, workload const& jobs);

  struct amounts {
    std::int64_t cpu = 0;  // thousandths
    std::int64_t memory_mb = 0;
    std::vector<device_grant> const& devices;
  };
  /// Of a node, by position.
  void take(std::size_t node, amounts const& held) { change(node, held, -1); }
  void give_back(std::size_t node, amounts const& held) { change(node, held, 1); }

  /// GPUs of the whole cluster, now.
  double unusable_gpus() const { return unusable_; }

 private:
  struct request {
    resources needs;
    double part = 0;                          // of all requests in the mix
    std::vector<std::vector<bool>> serves{};  // by class of nodes: each device
    std::vector<bool> has_labels{};           // by class of nodes
  };
  struct node {
    std::size_t node_class = 0;
    std::int64_t cpu = 0;  // free, likewise below
    std::int64_t memory_mb = 0;
    std::vector<std::int64_t> devices;  // thousandths
    double unusable = 0;                // GPUs
  };

  void learn_mix(workload const& jobs);
  void judge(std::vector<described_node> const& nodes);
  void change(std::size_t index, amounts const& held, int sign);
  double unusable_of(node const& n) const;

  std::vector<request> mix_;
  std::vector<node> nodes_;
  double unusable_ = 0;
};

}  // namespace nsai::simulation
