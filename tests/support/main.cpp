// The entry point of every test program. Says in one line when nothing could run, so that ctest
// counts a skip.
#define DOCTEST_CONFIG_IMPLEMENT
#include <iostream>

#include <doctest/doctest.h>

#include "tests/support/skip.hpp"

int main(int argc, char** argv) {
  doctest::Context context;
  context.applyCommandLine(argc, argv);
  int const result = context.run();
  if (context.shouldExit())
    return result;
  for (auto const& reason : nsai::tests::skipped())
    std::cout << "[nsai] skipped: " << reason << '\n';
  if (result == 0 && nsai::tests::ran() == 0 && !nsai::tests::skipped().empty())
    std::cout << "[nsai] every test was skipped\n";
  return result;
}
