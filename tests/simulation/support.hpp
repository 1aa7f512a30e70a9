#pragma once

#include <string>

#include <doctest/doctest.h>

#include "simulation/driver.hpp"
#include "simulation/report.hpp"

namespace nsai::simulation::tests {

inline cluster_description cluster_of(std::string const& text) {
  cluster_description cluster;
  auto const faults = read_cluster(json::parse(text), cluster);
  REQUIRE_MESSAGE(faults.empty(), (faults.empty() ? "" : faults[0].message));
  return cluster;
}

inline workload workload_of(std::string const& text) {
  workload jobs;
  auto const faults = read_workload(text, "w.jsonl", jobs);
  REQUIRE_MESSAGE(faults.empty(), (faults.empty() ? "" : faults[0].message));
  return jobs;
}

inline report play_report(std::string const& cluster, std::string const& jobs,
                          play_settings settings = {}) {
  return report_of(play(cluster_of(cluster), workload_of(jobs), settings));
}

/// Times and needs drawn by the seed: three tenants, two of them with GPUs.
std::string drawn_workload(std::uint64_t seed, int lines);

}  // namespace nsai::simulation::tests
