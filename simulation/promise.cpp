#include "simulation/promise.hpp"

namespace nsai::simulation {

std::string to_string(promise p) {
  return p == promise::contract ? "contract of the core"
                                : "P" + std::to_string(static_cast<int>(p));
}

void raise_broken(promise which, char const* expected, attempt_ref about) {
  std::string how = to_string(which) + ": expected: " + expected;
  if (about.job)
    how += "; job " + std::to_string(about.job.value);
  if (about.attempt > 0)
    how += ", attempt " + std::to_string(about.attempt);
  throw broken_promise(which, how);
}

}  // namespace nsai::simulation
