#pragma once

#include <map>
#include <memory>

#include "scheduling/placement_policy.hpp"
#include "simulation/openb.hpp"

namespace nsai::simulation {

/// One run of openb's placement protocol, with the placement of the live scheduler: the tasks, in
/// an order drawn by the seed, arrive one by one until their demand is `ratio` times the capacity,
/// and stay; one that no node can take is dropped. Placement learns from the arrivals as they come
/// and knows nothing beforehand.
class placement_benchmark {
 public:
  /// Draws the order of arrival and the ranks of the nodes. Holds a reference to the trace.
  placement_benchmark(openb_trace const& trace, scheduling::placement_policy policy,
                      std::uint64_t seed, double ratio = 1.3);
  ~placement_benchmark();

  struct outcome {
    /// By arrival in percent of the capacity, rounded: the mean, over the arrivals there, of what
    /// was placed, in percent of the capacity.
    std::map<std::int64_t, double> allocation;
    std::size_t decisions = 0;
    std::size_t failed = 0;
  };
  /// Places all of them; once.
  outcome play();

 private:
  struct state;
  std::unique_ptr<state> state_;
};

}  // namespace nsai::simulation
