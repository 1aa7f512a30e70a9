#include "actors/config.hpp"

#include <chrono>

#include <caf/io/all.hpp>

#include "actors/network.hpp"
#include "messages/registry.hpp"

namespace nsai::actors {
namespace {

/// CAF's own, but for what it does input and output with.
class middleman final : public caf::io::middleman {
 public:
  explicit middleman(caf::actor_system& system) : caf::io::middleman(system), backend_(&system) {}
  caf::io::network::multiplexer& backend() override { return backend_; }

 private:
  network_backend backend_;
};

}  // namespace

system_config::system_config(std::size_t threads) {
  module_factories.emplace_back([](caf::actor_system& system) -> caf::actor_system::module* {
    return new middleman(system);
  });
  register_messages(*this);
  set("scheduler.policy", caf::atom("sharing"));
  set("scheduler.max-threads", threads);
  // An actor gives way after so many messages. Without a bound the one that writes to the network
  // would empty its whole mailbox first, and nobody is heard while a flood of answers to one client
  // goes out.
  set("scheduler.max-throughput", std::size_t{64});
  // Messages are read where they arrive: handing them to workers, as CAF does by default, delays
  // what it does when a connection is closed (network.hpp).
  set("middleman.workers", std::size_t{0});
  // Both ends need both values, or an idle link is dropped. Our own lease notices a silent peer
  // much earlier; these only clean up after a connection that nobody closes.
  set("middleman.heartbeat-interval", caf::timespan{std::chrono::seconds{5}});
  set("middleman.connection-timeout", caf::timespan{std::chrono::seconds{60}});
}

}  // namespace nsai::actors
