// The core and a model cluster under faults, seed by seed. NSAI_SEED plays one seed only.
#include "simulation/faults.hpp"

#include <cstdlib>
#include <exception>
#include <iostream>

#include <doctest/doctest.h>

using namespace nsai::simulation;

namespace {

constexpr std::uint64_t seeds = NSAI_FAULT_SEEDS;

void show(fault_failure const& f) {
  std::cerr << "[nsai] seed " << f.seed << ", step " << f.step << ": " << f.what
            << "\n[nsai] replay it: nsai simulate faults --seeds " << f.seed << '-' << f.seed
            << " --trace\n";
}

/// A broken assertion of the core ends the program; the seed has to be known then, too.
[[noreturn]] void show_and_abort() {
  auto failure = now_playing();
  if (auto const cause = std::current_exception()) {
    try {
      std::rethrow_exception(cause);
    } catch (std::exception const& e) {
      failure.what = e.what();
    } catch (...) {
      failure.what = "something that is no exception was thrown";
    }
  }
  show(failure);
  std::abort();
}

}  // namespace

TEST_CASE("faults: whatever happens, in any order, the core keeps its promises") {
  std::set_terminate(show_and_abort);
  faults_options options;
  options.last = seeds;
  if (char const* const given = std::getenv("NSAI_SEED"))
    options.first = options.last = std::strtoull(given, nullptr, 10);
  auto const report = play_faults(options, show);
  std::cout << "[nsai] " << report.seeds << " seeds, " << report.events << " events, "
            << report.faults << " faults\n";
  CHECK(report.failures.empty());
  CHECK(report.faults > report.seeds);
}

TEST_CASE("faults: a seed plays the same every time") {
  faults_options options;
  options.first = options.last = 16;  // with the check of P5
  std::string lines[2];
  for (auto& text : lines) {
    options.trace = [&](std::string const& line) { text += line + '\n'; };
    play_faults(options);
  }
  CHECK(!lines[0].empty());
  CHECK(lines[0] == lines[1]);
}
