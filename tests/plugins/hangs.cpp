// Never returns from being loaded.
#include <unistd.h>

#include "stages/plugin.hpp"

namespace {
struct hang_at_load {
  hang_at_load() {
    for (;;)
      ::pause();
  }
} const at_load;
}  // namespace

NSAI_STAGE_PLUGIN(to) {
  (void)to;
  (void)at_load;
}
