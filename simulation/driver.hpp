#pragma once

#include "scheduling/placement_policy.hpp"
#include "simulation/cluster_description.hpp"
#include "simulation/history.hpp"
#include "simulation/workload.hpp"

namespace nsai::simulation {

struct play_settings {
  scheduling::placement_policy policy = scheduling::placement_policy::balanced;
  std::uint64_t seed = 1;  // of retries' jitter and of the policy `random`
  /// Jobs, spread evenly over the workload, of which it is asked when they come, if they have to
  /// wait, when they will start (scheduling/forecast.hpp). To ask changes nothing.
  std::int64_t forecasts = 0;
};

/// Plays the workload against the cluster in virtual time, with the core of the live scheduler.
/// Equal arguments give an equal history.
///
/// The cluster is a perfect one: messages take no time, no node fails or falls silent. An attempt
/// takes the job's duration, from the beginning each time; with a shorter timeout it times out, and
/// the rules of the tenant's supervisor decide on a retry. One that the core stops is gone at once.
history play(cluster_description const& cluster, workload const& jobs, play_settings settings = {});

}  // namespace nsai::simulation
