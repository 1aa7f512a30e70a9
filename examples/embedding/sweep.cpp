// A parameter sweep inside a CAF program: an actor of the program's own submits one job for every
// value through a client_actor, and hears of their ends as messages.
//
//   sweep HOST:PORT SECRET_FILE LEARNING_RATE...
#include <fstream>
#include <iostream>
#include <map>

#include <caf/all.hpp>

#include "actors/client_actor.hpp"
#include "actors/config.hpp"
#include "messages/caf_inspection.hpp"

namespace {

using namespace nsai;

submission trial(std::string const& rate) {
  submission s;
  s.stage = "command";
  s.options =
      json_text::of({{"argv", {"sh", "-c", "echo training with learning rate \"$LEARNING_RATE\""}},
                     {"env", {{"LEARNING_RATE", rate}}}});
  s.resources.cpu = milli{1000};
  s.constraints.max_retries = 2;
  return s;
}

struct sweep_state {
  std::map<job_id, std::string> open;  // what each job tries
  std::size_t failed = 0;
};

caf::behavior sweep(caf::stateful_actor<sweep_state>* self, caf::actor client,
                    std::vector<std::string> rates) {
  submit_jobs request;
  for (auto const& rate : rates)
    request.jobs.push_back(trial(rate));
  request.subscribe = true;
  // The client answers for sure: with the scheduler's reply, or with why there is none.
  self->request(client, caf::infinite, std::move(request))
      .then(
          [=](submit_reply const& reply) {
            for (std::size_t i = 0; i < rates.size(); ++i) {
              auto const& result = reply.results.at(i);
              if (result.error)
                std::cerr << "sweep: " << result.error->message << '\n';
              else
                self->state.open[result.id] = rates[i];
            }
            if (self->state.open.empty())
              self->quit(caf::sec::runtime_error);
          },
          [=](caf::error const& e) {
            std::cerr << "sweep: " << actors::client_error(self->system(), e).message << '\n';
            self->quit(e);
          });
  return {
      [=](jobs_ended const& m) {
        auto& s = self->state;
        for (auto const& end : m.jobs) {
          std::cout << "learning rate " << s.open[end.id] << ": job " << end.id.value << " "
                    << to_string(end.status) << '\n';
          s.failed += end.status == job_status::succeeded ? 0 : 1;
          s.open.erase(end.id);
        }
        if (s.open.empty())
          self->quit(s.failed == 0 ? caf::error{} : caf::make_error(caf::sec::runtime_error));
      },
  };
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) {
    std::cerr << "usage: sweep HOST:PORT SECRET_FILE LEARNING_RATE...\n";
    return 2;
  }
  std::string secret;
  std::ifstream{argv[2]} >> secret;
  actors::system_config config;
  caf::actor_system system{config};
  auto const client =
      system.spawn(actors::client_actor, actors::client_settings{actors::find_remotely(
                                             system, actors::parse_endpoint(argv[1]), secret)});
  auto const work = system.spawn(sweep, client, std::vector<std::string>(argv + 3, argv + argc));
  caf::scoped_actor self{system};
  int exit_code = 0;
  self->monitor(work);
  self->receive([&](caf::down_msg const& m) { exit_code = m.reason ? 1 : 0; });
  self->send_exit(client, caf::exit_reason::user_shutdown);
  return exit_code;
}
