// A larger CAF program with the cluster inside: its actor runs the proposer on a data set, follows
// the events of its stages, lets the antagonist look at what came of it, and asks for a synthesis
// only where there is something to merge.
//
//   dialectic [DATASET]
//
// It uses the scheduler's own messages, through a client_actor that keeps the connection; nothing
// here blocks.
#include <cstdlib>
#include <iostream>

#include <caf/all.hpp>

#include "actors/client_actor.hpp"
#include "actors/config.hpp"
#include "actors/work_client.hpp"
#include "messages/caf_inspection.hpp"

namespace {

using namespace nsai;

class dialectic {
 public:
  dialectic(caf::event_based_actor* self, caf::actor client, json dataset)
      : self_(self), client_(std::move(client)), dataset_(std::move(dataset)) {}

  caf::behavior start() {
    // First the events, so that none is missed; then what the stages of the cluster take, against
    // which submissions are checked; then the first experiment.
    watch_events wish;
    wish.tenant_id = crucible_tenant;
    wish.pattern = "crucible.stage.*";
    wish.follow = true;
    wish.after = only_new_events;
    self_->request(client_, caf::infinite, wish, caf::actor_cast<caf::actor>(self_))
        .then([this](events const& m) { heard(m); }, give_up());
    self_->request(client_, caf::infinite, list_stages{})
        .then(
            [this](stage_list& m) {
              stages_ = std::move(m.stages);
              submit("proposer");
            },
            give_up());
    return {
        [this](events const& m) { heard(m); },
        [this](jobs_ended const& m) { ended(m); },
        [this](actors::events_lost const& m) {
          std::cerr << "dialectic: goes on without events: " << m.why.message << '\n';
        },
    };
  }

 private:
  void submit(std::string const& type) {
    experiment e{.id = random_uuid(), .type = type, .dataset = dataset_};
    experiment_id_ = e.id;
    auto built = experiment_submission(e, {}, stages_);
    if (auto const* error = std::get_if<error_info>(&built))
      return fail(*error);
    submit_jobs request;
    request.jobs.push_back(std::move(std::get<submission>(built)));
    request.subscribe = true;
    self_->request(client_, caf::infinite, std::move(request))
        .then(
            [this, type](submit_reply const& reply) {
              auto const& made = reply.results.at(0);
              if (made.error)
                return fail(*made.error);
              std::cout << type << ": job " << made.id.value << std::endl;
            },
            give_up());
  }

  /// The events of other programs of the tenant come, too.
  void heard(events const& m) {
    for (auto const& e : m.list)
      if (e.experiment_id == experiment_id_ && !e.stage_name.empty())
        std::cout << "  " << e.stage_name << ' ' << e.name.substr(e.name.rfind('.') + 1)
                  << (e.detail.empty() ? "" : ": ") << e.detail << std::endl;
    if (!m.list.empty())
      self_->send(client_, events_read{m.list.back().sequence});
  }

  void ended(jobs_ended const& m) {
    for (auto const& end : m.jobs) {
      if (end.status != job_status::succeeded)
        return fail(end.error.value_or(error_of("stage", "not_done", to_string(end.status))));
      // The record has what the end has not: the context after the last stage.
      self_->request(client_, caf::infinite, get_jobs{{}, {end.id}})
          .then(
              [this](job_list const& list) {
                auto const& record = list.jobs.at(0);
                decide(record.name_space, record.result.value().at("metrics"));
              },
              give_up());
    }
  }

  void decide(std::string const& done, json const& metrics) {
    if (done == "proposer") {
      submit("antagonist");
      return;
    }
    auto const& found = metrics.at(done);
    if (done == "antagonist") {
      std::cout << "flags: " << found.at("flags").at("total") << ", mean beta1 "
                << found.at("mean_beta1") << std::endl;
      if (found.at("flags").at("total") > 0) {
        submit("synthesizer");
        return;
      }
    } else {
      std::cout << "trust " << found.at("trust") << ", reduction of beta1 "
                << found.at("beta1_reduction") << std::endl;
    }
    self_->quit();
  }

  void fail(error_info const& why) {
    std::cerr << "dialectic: " << why.message << '\n';
    self_->quit(caf::sec::runtime_error);
  }

  std::function<void(caf::error const&)> give_up() {
    return [this](caf::error const& e) { fail(actors::client_error(self_->system(), e)); };
  }

  caf::event_based_actor* self_;
  caf::actor client_;
  json dataset_;
  std::vector<stage_description> stages_;
  std::string experiment_id_;
};

caf::behavior run_dialectic(caf::event_based_actor* self, caf::actor client, std::string dataset) {
  auto const work = std::make_shared<dialectic>(self, std::move(client), std::move(dataset));
  self->attach_functor([work] {});  // it lives as long as the actor
  return work->start();
}

}  // namespace

int main(int argc, char** argv) try {
  auto const where = find_cluster();
  actors::system_config config;
  caf::actor_system system{config};
  actors::client_settings settings;
  settings.find = actors::find_remotely(system, where.scheduler, where.secret);
  settings.tenant = where.tenant;
  auto const client = system.spawn(actors::client_actor, std::move(settings));
  auto const work = system.spawn(run_dialectic, client, std::string{argc > 1 ? argv[1] : "sample"});
  caf::scoped_actor self{system};
  int exit_code = 0;
  self->monitor(work);
  self->receive([&](caf::down_msg const& m) { exit_code = m.reason ? 1 : 0; });
  self->send_exit(client, caf::exit_reason::user_shutdown);
  return exit_code;
} catch (std::exception const& e) {
  std::cerr << "dialectic: " << e.what() << '\n';
  return 1;
}
