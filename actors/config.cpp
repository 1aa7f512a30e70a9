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
  // An actor gives way after so many messages. Without a bound the one that writes to the network
  // would empty its whole mailbox first, and nobody is heard while a flood of answers to one client
  // goes out.
  set("scheduler.max-throughput", std::size_t{64});
  // Messages are read where they arrive. Handing them to workers, as CAF does by default, loses the
  // first one of a new peer now and then when hundreds of peers connect at once.
  set("middleman.workers", std::size_t{0});
  // Both ends need both values, or an idle link is dropped. Our own lease notices a silent peer
  // much earlier; these only clean up after a connection that nobody closes.
  set("middleman.heartbeat-interval", caf::timespan{std::chrono::seconds{5}});
  set("middleman.connection-timeout", caf::timespan{std::chrono::seconds{60}});
}

}  // namespace nsai::actors
