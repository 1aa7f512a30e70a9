#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <variant>

#include <caf/actor.hpp>
#include <caf/fwd.hpp>

#include "messages/error.hpp"

namespace nsai::actors {

/// HOST:PORT as people type it.
struct endpoint {
  std::string host;
  std::uint16_t port = 0;
};
/// Throws shape_error.
endpoint parse_endpoint(std::string const& text);
std::string to_string(endpoint const& e);

/// Dials the gate at `where` and earns the scheduler's handle. Blocks the calling thread for at
/// most `limit`: the socket is our own, since CAF dials one host after the other without a bound.
/// Errors: unavailable/cannot_connect, unavailable/timed_out, refused/wrong_version,
/// refused/wrong_secret.
std::variant<caf::actor, error_info> connect_to_scheduler(caf::actor_system& system,
                                                          endpoint const& where,
                                                          std::string const& secret,
                                                          std::chrono::milliseconds limit);

}  // namespace nsai::actors
