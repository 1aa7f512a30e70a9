#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <caf/actor.hpp>
#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/fwd.hpp>

#include "store/job_store.hpp"

namespace nsai::actors {

/// Runs on the store's thread; what it returns runs in the scheduler afterwards. Throws
/// store_error.
using store_read = std::function<std::function<void()>(store::job_store&)>;

/// Scheduler -> writer: one commit, then reads that see it (in order). Answered by `commit_done`.
struct commit_order {
  std::uint64_t number = 0;
  std::shared_ptr<std::vector<store::change> const> changes;
  std::shared_ptr<std::vector<store_read> const> reads;
};

/// Writer -> scheduler. With an error nothing of the order was done, and nothing of those after it
/// is until a probe comes.
struct commit_done {
  std::uint64_t number = 0;
  std::string error;
  std::shared_ptr<std::vector<store::payload>> payloads;
  std::shared_ptr<std::vector<std::function<void()>>> continuations;
};

/// Scheduler -> reader: a read that may lag behind the newest commit order. Answered by
/// `read_done`.
struct read_order {
  std::shared_ptr<store_read const> read;
};
struct read_done {
  std::shared_ptr<std::function<void()>> continuation;
};

/// Scheduler -> writer: remove what retention no longer keeps; answered by nothing.
struct retention_order {
  timestamp completed_before;
};
/// Scheduler -> writer: can it write? Answered by `commit_done` with number 0.
struct probe_order {};

/// The one thread that writes to the store: its own detached actor, since SQLite blocks.
caf::behavior store_writer(caf::event_based_actor* self, std::shared_ptr<store::job_store> owned,
                           caf::actor scheduler);

/// Another thread with a read-only connection, so that long lists do not hold up commits. `hold`
/// is called before each read and may block for a moment.
caf::behavior store_reader(caf::event_based_actor* self, std::shared_ptr<store::job_store> owned,
                           caf::actor scheduler, std::function<void()> hold);

}  // namespace nsai::actors

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(nsai::actors::commit_order)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(nsai::actors::commit_done)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(nsai::actors::read_order)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(nsai::actors::read_done)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(nsai::actors::retention_order)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(nsai::actors::probe_order)
