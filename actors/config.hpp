#pragma once

#include <caf/actor_system_config.hpp>

namespace nsai::actors {

/// What every nsai program needs of CAF: our messages, networking with heartbeats, and the policy
/// with which an idle worker sleeps on a condition variable (a serial round trip takes a third of
/// the time). Neither argv nor files reach CAF's own parser.
class system_config : public caf::actor_system_config {
 public:
  explicit system_config(std::size_t threads = 2);
};

}  // namespace nsai::actors
