#include "simulation/faults.hpp"

#include <exception>

#include "simulation/fault_world.hpp"

namespace nsai::simulation {
namespace {

constexpr std::uint64_t fairness_every = 16;

void play(std::uint64_t seed, faults_options const& options, faults_report& report) {
  auto& at = now_playing();
  at = {seed, 0, {}};
  fault_world world{seed, {options.trace, options.books_every}};
  auto const count = [&] {
    report.events += world.events();
    report.faults += world.faults();
  };
  try {
    for (; at.step < options.steps; ++at.step) {
      if (options.trace)
        options.trace("step " + std::to_string(at.step));
      world.step();
    }
    world.settle_down();
    ++at.step;
    if (seed % fairness_every == 0)
      world.check_fairness();
  } catch (std::exception const& e) {
    at.what = e.what();
  }
  count();
}

}  // namespace

fault_failure& now_playing() {
  static fault_failure playing;
  return playing;
}

faults_report play_faults(faults_options const& options,
                          std::function<void(fault_failure const&)> const& tell) {
  faults_report report;
  for (auto seed = options.first; seed <= options.last; ++seed) {
    play(seed, options, report);
    ++report.seeds;
    if (now_playing().what.empty())
      continue;
    report.failures.push_back(now_playing());
    if (tell)
      tell(now_playing());
  }
  return report;
}

}  // namespace nsai::simulation
