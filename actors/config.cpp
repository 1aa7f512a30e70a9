#include "actors/config.hpp"

#include <chrono>

#include <caf/io/all.hpp>

#include "messages/registry.hpp"

namespace nsai::actors {

system_config::system_config(std::size_t threads) {
  load<caf::io::middleman>();
  register_messages(*this);
  set("scheduler.policy", caf::atom("sharing"));
  set("scheduler.max-threads", threads);
  // Both ends need both values, or an idle link is dropped. Our own lease notices a silent peer
  // much earlier; these only clean up after a connection that nobody closes.
  set("middleman.heartbeat-interval", caf::timespan{std::chrono::seconds{5}});
  set("middleman.connection-timeout", caf::timespan{std::chrono::seconds{60}});
}

}  // namespace nsai::actors
