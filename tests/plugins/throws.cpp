// Throws while it registers its stages.
#include <stdexcept>

#include "stages/plugin.hpp"

NSAI_STAGE_PLUGIN(to) {
  (void)to;
  throw std::runtime_error("no licence was found");
}
