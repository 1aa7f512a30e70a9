#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include <caf/fwd.hpp>

namespace nsai::actors {

/// Ends connections whose other end does not take what is sent to it: CAF keeps what the kernel
/// does not take, without a bound, so that one client that has stopped reading would fill this
/// process's memory. A connection is ended when more than `most_bytes` wait for it and its other
/// end has confirmed nothing for `patience_ms`, or when any bytes have waited for `longest_ms` like
/// that. A slow reader confirms again and again, and is left alone; one that was ended and comes
/// back connects anew.
struct connection_limits {
  std::size_t most_bytes = 128 * 1024 * 1024;
  std::int64_t patience_ms = 1000;
  std::int64_t longest_ms = 60'000;
  std::int64_t look_every_ms = 100;       // usually
  std::int64_t look_again_after_ms = 10;  // while something waits
};

/// Whether more than `most_bytes` wait for some connection: who makes long answers then had better
/// wait. Written by the guard, read by anyone.
using congestion = std::shared_ptr<std::atomic<bool>>;

/// One for a process that serves others. Looks at all connections of the actor system; ends with
/// user_shutdown.
caf::behavior connection_guard(caf::event_based_actor* self, connection_limits limits,
                               congestion congested);

}  // namespace nsai::actors
