#include "processes/signal_names.hpp"

#include <doctest/doctest.h>
#include <signal.h>

using namespace nsai::processes;

TEST_CASE("signals: names with and without SIG, and numbers") {
  CHECK(signal_number("SIGTERM") == SIGTERM);
  CHECK(signal_number("term") == SIGTERM);
  CHECK(signal_number("15") == 15);
  CHECK_FALSE(signal_number("SIGNOTHING"));
  CHECK_FALSE(signal_number("9999"));
  CHECK_FALSE(signal_number(""));
  CHECK(signal_name(SIGSEGV) == "SIGSEGV");
}
