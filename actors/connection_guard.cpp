#include "actors/connection_guard.hpp"

#include <chrono>
#include <map>
#include <memory>

#include <caf/all.hpp>
#include <caf/io/all.hpp>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <spdlog/spdlog.h>
#include <sys/socket.h>

namespace nsai::actors {
namespace {

using clock = std::chrono::steady_clock;
using look_atom = caf::atom_constant<caf::atom("look")>;

/// Bytes that the other end has confirmed since the connection was made; -1: it is no TCP
/// connection any more.
std::int64_t confirmed_bytes(int socket) {
  tcp_info info{};
  socklen_t size = sizeof info;
  if (::getsockopt(socket, IPPROTO_TCP, TCP_INFO, &info, &size) != 0)
    return -1;
  return static_cast<std::int64_t>(info.tcpi_bytes_acked);
}

/// Lives on the thread that does the network's input and output; only there may it look.
class watched_connections {
 public:
  watched_connections(connection_limits limits, congestion congested)
      : limits_(limits), congested_(std::move(congested)) {}

  /// Returns when to look again.
  std::chrono::milliseconds look(caf::io::basp_broker& broker) {
    bool congested = false;
    std::map<caf::io::connection_handle, progress> seen;
    auto const now = clock::now();
    for (auto const& handle : broker.connections()) {
      auto const waiting = broker.wr_buf(handle).size();
      if (waiting == 0)
        continue;
      congested = congested || waiting > limits_.most_bytes;
      auto const socket = static_cast<int>(handle.id());
      auto const confirmed = confirmed_bytes(socket);
      auto const before = watched_.find(handle);
      auto& p = seen[handle] = {confirmed, now};
      if (before == watched_.end() || before->second.confirmed != confirmed)
        continue;
      p.since = before->second.since;
      auto const still_ms =
          std::chrono::duration_cast<std::chrono::milliseconds>(now - p.since).count();
      bool const too_much = waiting > limits_.most_bytes && still_ms >= limits_.patience_ms;
      if (!too_much && still_ms < limits_.longest_ms)
        continue;
      spdlog::warn(
          "a connection is ended: {} bytes wait for its other end, which has taken none "
          "for {} ms",
          waiting, still_ms);
      ::shutdown(socket, SHUT_RDWR);  // CAF finds it closed, and gives up what waits
    }
    watched_ = std::move(seen);
    congested_->store(congested);
    return std::chrono::milliseconds{watched_.empty() ? limits_.look_every_ms
                                                      : limits_.look_again_after_ms};
  }

 private:
  struct progress {
    std::int64_t confirmed = 0;
    clock::time_point since;
  };
  connection_limits limits_;
  congestion congested_;
  std::map<caf::io::connection_handle, progress> watched_;
};

}  // namespace

caf::behavior connection_guard(caf::event_based_actor* self, connection_limits limits,
                               congestion congested) {
  auto const watched = std::make_shared<watched_connections>(limits, std::move(congested));
  self->send(self, look_atom::value);
  return {
      [=](look_atom) {
        auto& middleman = self->system().middleman();
        auto handle = middleman.named_broker<caf::io::basp_broker>(caf::atom("BASP"));
        auto const me = caf::actor_cast<caf::actor>(self);
        middleman.backend().post([watched, handle, me] {
          auto* const broker =
              dynamic_cast<caf::io::basp_broker*>(caf::actor_cast<caf::abstract_actor*>(handle));
          if (broker != nullptr)
            caf::anon_send(me, watched->look(*broker).count());
        });
      },
      [=](std::int64_t after_ms) {
        self->delayed_send(self, std::chrono::milliseconds{after_ms}, look_atom::value);
      },
  };
}

}  // namespace nsai::actors
