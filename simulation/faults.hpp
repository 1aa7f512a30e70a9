#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace nsai::simulation {

struct faults_options {
  std::uint64_t first = 1;  // seeds, both ends included
  std::uint64_t last = 1000;
  std::uint64_t steps = 400;  // of each seed, before its faults end
  std::uint64_t books_every = 16;
  std::function<void(std::string const&)> trace{};  // of what happens; empty: none
};

struct fault_failure {
  std::uint64_t seed = 0;
  std::uint64_t step = 0;  // `steps` and more: after the faults had ended
  std::string what;        // with the number of the promise
};

struct faults_report {
  std::uint64_t seeds = 0;
  std::vector<fault_failure> failures;
  std::uint64_t events = 0;  // that the cores were told
  std::uint64_t faults = 0;  // that were injected
};

/// Plays every seed: faults in a model cluster, then an end without faults; every sixteenth seed
/// goes on with a check of P5. `tell` hears of a failure at once.
faults_report play_faults(faults_options const& options,
                          std::function<void(fault_failure const&)> const& tell = {});

/// What is being played. A broken assertion of the core ends the program: whoever reports that, a
/// terminate handler, finds the seed here.
fault_failure& now_playing();

}  // namespace nsai::simulation
