#include "actors/work_client.hpp"

#include <caf/all.hpp>

#include "actors/config.hpp"
#include "actors/local_access.hpp"
#include "actors/telemetry_bridge.hpp"
#include "messages/caf_inspection.hpp"

namespace nsai {

using std::chrono::milliseconds;

struct detail::caf_system::own_system {
  actors::system_config config{1};
  caf::actor_system system{config};
};

detail::caf_system::caf_system(caf::actor_system* given)
    : own_(given == nullptr ? std::make_unique<own_system>() : nullptr), given_(given) {}

detail::caf_system::~caf_system() = default;

caf::actor_system& detail::caf_system::caf_system_in_use() const {
  return given_ != nullptr ? *given_ : own_->system;
}

actors::client_options find_cluster(std::string const& scheduler, std::string const& secret_file) {
  actors::client_options options;
  options.scheduler =
      actors::parse_endpoint(scheduler.empty() ? actors::scheduler_address() : scheduler);
  options.secret = actors::find_secret(secret_file, options.scheduler.port);
  options.tenant = crucible_tenant;
  return options;
}

client::client(actors::client_options options)
    : detail::caf_system(nullptr),
      actors::client(caf_system_in_use(), options),
      where_(std::move(options)) {}

client::client(caf::actor_system& system, actors::client_options options)
    : detail::caf_system(&system), actors::client(system, options), where_(std::move(options)) {}

client::~client() {
  for (auto const& [whose, bridge] : bridges_)
    caf::anon_send_exit(bridge, caf::exit_reason::user_shutdown);
}

template <class Build>
client::result<job_id> client::submit_built(Build const& build) {
  auto known = stages();
  if (auto* error = std::get_if<error_info>(&known))
    return std::move(*error);
  submission_or_error built = build(std::get<std::vector<stage_description>>(known));
  if (auto* error = std::get_if<error_info>(&built))
    return std::move(*error);
  auto& request = std::get<submission>(built);
  request.owner = actors::user_name();
  auto reply = submit({std::move(request)});
  if (auto* error = std::get_if<error_info>(&reply))
    return std::move(*error);
  auto& made = std::get<submit_reply>(reply).results.at(0);
  if (made.error)
    return std::move(*made.error);
  return made.id;
}

client::result<job_id> client::submit_experiment(experiment const& e, submit_options const& terms) {
  return submit_built([&](auto const& known) { return experiment_submission(e, terms, known); });
}

client::result<job_id> client::submit_of_type(char const* type, experiment e,
                                              submit_options const& terms) {
  if (!e.type.empty() && e.type != type)
    return usage_error("type", "\"" + e.type + "\" is not allowed here",
                       std::string{"\""} + type + "\", or nothing");
  e.type = type;
  return submit_experiment(e, terms);
}

client::result<job_id> client::submit_proposer_stage(experiment e, submit_options const& terms) {
  return submit_of_type("proposer", std::move(e), terms);
}

client::result<job_id> client::submit_antagonist_stage(experiment e, submit_options const& terms) {
  return submit_of_type("antagonist", std::move(e), terms);
}

client::result<job_id> client::submit_synthesizer_stage(experiment e, submit_options const& terms) {
  return submit_of_type("synthesizer", std::move(e), terms);
}

client::result<job_id> client::submit_training(training_config const& config,
                                               submit_options const& terms) {
  return submit_built([&](auto const& known) { return training_submission(config, terms, known); });
}

client::result<job_id> client::submit_document(json document, submit_options const& terms,
                                               std::filesystem::path const& base_dir) {
  return submit_built([&](auto const& known) {
    return document_submission(std::move(document), base_dir, terms, known);
  });
}

client::result<json> client::await_job(job_id job, milliseconds limit) {
  auto ended = await({job}, limit);
  if (auto* error = std::get_if<error_info>(&ended))
    return std::move(*error);
  auto& record = std::get<std::vector<job_record>>(ended).at(0);
  if (record.status == job_status::succeeded)
    return record.result.value();
  if (record.error)
    return std::move(*record.error);
  return error_of("stage", to_string(record.status),
                  "job " + std::to_string(job.value) + " ended as " + to_string(record.status));
}

client::result<job_record> client::get_job_status(job_id job) {
  auto found = get({job});
  if (auto* error = std::get_if<error_info>(&found))
    return std::move(*error);
  return std::move(std::get<std::vector<job_record>>(found).at(0));
}

client::result<std::vector<job_record>> client::list_jobs(job_filter const& filter) {
  nsai::list_jobs wish;
  wish.tenant_id = filter.tenant.value_or(tenant());
  wish.name_space = filter.name_space;
  if (filter.status)
    wish.statuses = {*filter.status};
  wish.experiment = filter.experiment;
  wish.limit = filter.limit;
  return list(wish);
}

client::result<stats> client::get_stats() {
  return statistics();
}

client::result<caf::actor> client::bridge_of(audience whose) {
  if (auto const found = bridges_.find(whose); found != bridges_.end())
    return found->second;
  auto& system = caf_system_in_use();
  // Fails at once where the bridge would go on trying.
  auto found =
      actors::connect_to_scheduler(system, where_.scheduler, where_.secret, where_.connect_limit);
  if (auto* error = std::get_if<error_info>(&found))
    return std::move(*error);
  actors::bridge_settings settings;
  settings.find = actors::find_remotely(system, where_.scheduler, where_.secret);
  if (whose == audience::own_tenant)
    settings.tenant_id = where_.tenant;
  auto const bridge = system.spawn(actors::telemetry_bridge, std::move(settings));
  // A bridge that knows its scheduler answers when the name is its own.
  caf::anon_send(bridge, actors::scheduler_found{std::get<caf::actor>(found)});
  bridges_.emplace(whose, bridge);
  return bridge;
}

template <class Message>
std::optional<error_info> client::tell_bridge(audience whose, Message message) {
  auto bridge = bridge_of(whose);
  if (auto* error = std::get_if<error_info>(&bridge))
    return std::move(*error);
  std::optional<error_info> error;
  caf::scoped_actor self{caf_system_in_use()};
  self->request(std::get<caf::actor>(bridge), where_.call_limit, std::move(message))
      .receive([&](answer& a) { error = std::move(a.error); },
               [&](caf::error const&) {
                 error =
                     error_of("unavailable", "no_answer", "the scheduler did not answer in time");
               });
  return error;
}

std::optional<error_info> client::attach(std::string name, std::vector<std::string> patterns,
                                         actors::event_handler handler, audience whose,
                                         milliseconds limit) {
  actors::attach_handler wish;
  wish.name = std::move(name);
  wish.patterns = std::move(patterns);
  wish.handler = std::move(handler);
  wish.limit = limit;
  return tell_bridge(whose, std::move(wish));
}

std::optional<error_info> client::detach(std::string name, audience whose) {
  return tell_bridge(whose, actors::detach_handler{std::move(name)});
}

}  // namespace nsai
