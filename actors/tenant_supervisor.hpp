#pragma once

#include <string>
#include <vector>

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/fwd.hpp>

#include "scheduling/effects.hpp"
#include "scheduling/events.hpp"

namespace nsai::actors {

/// Scheduler -> supervisor: attempts of these stages have succeeded, which ends their row of
/// failures.
struct stages_succeeded {
  std::vector<std::string> stages;
};

/// Decides every retry of one tenant's jobs:
///   consult_supervisor -> the sender gets supervisor_decided
///   stages_succeeded -> nothing
/// The decisions themselves are scheduling/supervision's; this actor gives them a life of their
/// own, so that a fault in them costs one tenant a restart and nobody else anything.
caf::behavior tenant_supervisor(caf::event_based_actor* self, std::string tenant);

}  // namespace nsai::actors

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(nsai::actors::stages_succeeded)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(nsai::scheduling::consult_supervisor)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(nsai::scheduling::supervisor_decided)
