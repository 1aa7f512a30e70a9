// Ends its process when it is loaded.
#include <csignal>

#include "stages/plugin.hpp"

namespace {
struct crash_at_load {
  crash_at_load() {
    std::signal(SIGSEGV, SIG_DFL);
    std::raise(SIGSEGV);
  }
} const at_load;
}  // namespace

NSAI_STAGE_PLUGIN(to) {
  (void)to;
  (void)at_load;
}
