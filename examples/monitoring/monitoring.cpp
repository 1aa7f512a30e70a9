// Watches a cluster from a process of its own: attaches a handler by name and prints what it is
// told, one line an event.
//
//   monitoring HOST:PORT SECRET_FILE [COUNT [PATTERN...]]
//
// Ends after COUNT events (0: never); without a PATTERN it prints the crucible.* events. Over a
// restart of the scheduler it goes on after the last event it has printed.
#include <cstdlib>
#include <fstream>
#include <future>
#include <iostream>

#include <caf/all.hpp>

#include "actors/config.hpp"
#include "actors/telemetry_bridge.hpp"
#include "messages/api.hpp"
#include "messages/caf_inspection.hpp"

using namespace nsai;

namespace {

constexpr char const* handler_name = "monitoring";

void print(event const& e) {
  std::cout << to_rfc3339(e.at) << ' ' << e.name << " job " << e.job.value << " stage "
            << e.stage_name;
  if (auto const took = e.measurements.find("duration_ms"); took != e.measurements.end())
    std::cout << " took " << took->second << " ms";
  if (!e.node.empty())
    std::cout << " on " << e.node;
  std::cout << " trace " << e.trace_id << std::endl;
}

/// Prints, and fulfils `enough` after so many. It runs on a thread of the bridge's, so it may take
/// its time.
actors::event_handler printer(std::int64_t count, std::shared_ptr<std::promise<void>> enough) {
  return [left = count, enough](event const& e) mutable {
    print(e);
    if (--left == 0)
      enough->set_value();
  };
}

std::optional<error_info> ask(caf::scoped_actor& self, caf::actor const& bridge, auto message) {
  std::optional<error_info> error;
  self->request(bridge, std::chrono::seconds{10}, std::move(message))
      .receive([&](answer const& a) { error = a.error; },
               [&](caf::error const&) {
                 error = error_of("unavailable", "no_answer", "the bridge did not answer");
               });
  return error;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::cerr << "usage: monitoring HOST:PORT SECRET_FILE [COUNT [PATTERN...]]\n";
    return 2;
  }
  std::string secret;
  std::ifstream{argv[2]} >> secret;
  std::vector<std::string> patterns(argv + std::min(argc, 4), argv + argc);
  if (patterns.empty())
    patterns = {"crucible.*"};
  auto const where = actors::parse_endpoint(argv[1]);
  actors::system_config config;
  caf::actor_system system{config};
  caf::scoped_actor self{system};
  // Fails at once where the bridge would go on trying.
  auto const found =
      actors::connect_to_scheduler(system, where, secret, std::chrono::milliseconds{5000});
  if (auto const* error = std::get_if<error_info>(&found)) {
    std::cerr << "monitoring: " << error->message << '\n';
    return 1;
  }
  actors::bridge_settings settings;
  settings.find = actors::find_remotely(system, where, secret);
  auto const bridge = system.spawn(actors::telemetry_bridge, std::move(settings));
  // A bridge that knows its scheduler answers when the name is its own.
  self->send(bridge, actors::scheduler_found{std::get<caf::actor>(found)});
  auto const enough = std::make_shared<std::promise<void>>();
  auto const error =
      ask(self, bridge,
          actors::attach_handler{handler_name, patterns,
                                 printer(argc > 3 ? std::atoll(argv[3]) : 0, enough)});
  if (error) {
    std::cerr << "monitoring: " << error->message << '\n';
  } else {
    std::cout << "attached as " << handler_name << std::endl;
    enough->get_future().wait();
    ask(self, bridge, actors::detach_handler{handler_name});
  }
  caf::anon_send_exit(bridge, caf::exit_reason::user_shutdown);
  return error ? 1 : 0;
}
