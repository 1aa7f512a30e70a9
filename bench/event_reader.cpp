// A reader of all events in a process of its own: prints "reading", then confirms each message
// after a pause, until it is killed.
//   bench_event_reader HOST:PORT PAUSE_MS
#include <chrono>
#include <iostream>
#include <thread>

#include <caf/all.hpp>

#include "actors/config.hpp"
#include "actors/connect.hpp"
#include "messages/api.hpp"
#include "messages/caf_inspection.hpp"
#include "messages/observe.hpp"
#include "node/access.hpp"

int main(int argc, char** argv) {
  using namespace nsai;
  if (argc != 3) {
    std::cerr << "bench_event_reader HOST:PORT PAUSE_MS\n";
    return 2;
  }
  auto const where = actors::parse_endpoint(argv[1]);
  std::chrono::milliseconds const pause{std::stoi(argv[2])};
  actors::system_config config{1};
  caf::actor_system system{config};
  auto found = actors::connect_to_scheduler(system, where, node::find_secret("", where.port),
                                            std::chrono::seconds{3});
  if (auto* error = std::get_if<error_info>(&found)) {
    std::cerr << error->message << '\n';
    return 1;
  }
  auto const scheduler = std::get<caf::actor>(found);
  caf::scoped_actor self{system};
  auto const me = caf::actor_cast<caf::actor>(caf::strong_actor_ptr{self.ptr()->ctrl()});
  self->send(scheduler, watch_events{{}, "*", true, only_new_events, {}}, me);
  std::cout << "reading" << std::endl;
  for (;;)
    self->receive([&](events const& m) {
      if (m.list.empty())
        return;
      std::this_thread::sleep_for(pause);
      self->send(scheduler, events_read{m.list.back().sequence});
    });
}
