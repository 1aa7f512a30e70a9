// A client that asks for more than it will ever read: it makes a job with a large result, asks for
// its record many times, and stops its own process once the first answer has come.
//   deaf_client HOST:PORT REQUESTS
#include <iostream>

#include <caf/all.hpp>
#include <signal.h>

#include "actors/config.hpp"
#include "actors/connect.hpp"
#include "messages/api.hpp"
#include "messages/caf_inspection.hpp"
#include "node/access.hpp"

using namespace nsai;

int main(int argc, char** argv) {
  if (argc != 3)
    return 2;
  auto const where = actors::parse_endpoint(argv[1]);
  actors::system_config config{1};
  caf::actor_system system{config};
  auto found = actors::connect_to_scheduler(system, where, node::find_secret("", where.port),
                                            std::chrono::seconds{20});
  if (auto* error = std::get_if<error_info>(&found)) {
    std::cerr << error->message << '\n';
    return 1;
  }
  auto const scheduler = std::get<caf::actor>(found);
  caf::scoped_actor self{system};
  submit_jobs m;
  m.subscribe = true;
  m.jobs.emplace_back();
  m.jobs.back().stage = "echo";
  m.jobs.back().options.text = "{\"text\":\"" + std::string(900'000, 'x') + "\"}";
  self->send(scheduler, m);
  get_jobs question;
  bool ended = false;
  self->receive_while([&] { return !ended; })(
      [&](submit_reply const& reply) {
        question.tenant_id = "default";
        question.jobs = {reply.results.at(0).id};
      },
      [&](jobs_ended const&) { ended = true; });
  for (int i = 0; i < std::stoi(argv[2]); ++i)
    self->send(scheduler, question);
  self->receive([](job_list const&) { ::raise(SIGSTOP); });
  std::_Exit(0);
}
