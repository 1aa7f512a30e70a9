#pragma once

#include <chrono>
#include <optional>
#include <string>

#include <caf/actor.hpp>
#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/fwd.hpp>

#include "actors/handler_thread.hpp"
#include "messages/observe.hpp"

namespace nsai::actors {

struct reader_settings {
  std::string name;
  std::string tenant_id;
  std::string pattern;  // as in watch_events
  event_handler handler;
  std::chrono::milliseconds limit{5000};
  std::uint64_t after = only_new_events;
  bool own_thread = true;
  std::function<void(std::function<void()>)> post = {};  // as in bridge_settings
  bool try_again = false;                                // when the name is taken
  caf::actor owner;
};

/// Reader -> owner: the scheduler has taken it, or refuses it (then reader_over follows).
struct reader_attached {
  std::string name;
  std::optional<error_info> error;
};
/// Reader -> owner, its last message: the handler is called no more.
struct reader_over {
  std::string name;
  std::optional<error_info> error;  // none: it was asked to end
};
/// Owner -> reader.
struct end_reader {};

/// Attaches one handler to the scheduler and calls it:
///   scheduler_found -> nothing
///   end_reader -> nothing; reader_over follows
caf::behavior event_reader(caf::event_based_actor* self, reader_settings settings);

}  // namespace nsai::actors

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(nsai::actors::reader_attached)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(nsai::actors::reader_over)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(nsai::actors::end_reader)
