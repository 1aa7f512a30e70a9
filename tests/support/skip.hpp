#pragma once

#include <string>
#include <vector>

namespace nsai::tests {

/// Reasons given by tests that could not run here; printed at the end of the program.
inline std::vector<std::string>& skipped() {
  static std::vector<std::string> reasons;
  return reasons;
}

/// How many tests that may be skipped did run.
inline int& ran() {
  static int count = 1;
  return count;
}

/// Tells that the running test returns early because `reason` holds on this machine.
inline void skip(std::string reason) {
  skipped().push_back(std::move(reason));
}

/// For programs in which every test may be skipped: the program counts as skipped unless `did_run`
/// is called.
inline void all_may_skip() {
  ran() = 0;
}
inline void did_run() {
  ++ran();
}

/// For a test in such a program: whether it has to return early, for `reason` unless it is empty.
inline bool cannot_run(std::string const& reason) {
  if (reason.empty())
    did_run();
  else
    skip(reason);
  return !reason.empty();
}

}  // namespace nsai::tests
