#pragma once

#include <string>

#include <caf/actor.hpp>
#include <caf/fwd.hpp>

namespace nsai::actors {

/// The one published actor of a scheduler: a door that opens for the same protocol version and
/// proof of the secret.
///   knock       -> challenge                 a nonce for one try
///   hello       -> (answer, actor)           done: the scheduler's handle; refused: an invalid
///   actor
/// Anything else is refused as unknown.
caf::behavior gate(caf::event_based_actor* self, std::string secret, caf::actor scheduler);

}  // namespace nsai::actors
