#pragma once

#include <vector>

#include "simulation/history.hpp"

namespace nsai::simulation {

/// What was held and what waited, as means over equal steps of the makespan.
struct timeline {
  double step_s = 0;
  // By tenant and step: devices, cores, jobs.
  std::vector<std::vector<double>> gpus;
  std::vector<std::vector<double>> cores;
  std::vector<std::vector<double>> queued;
  std::vector<double> unusable_gpus;  // by step
};

timeline timeline_of(history const& h, std::size_t steps);

}  // namespace nsai::simulation
