#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "actors/client.hpp"
#include "actors/handler_thread.hpp"
#include "actors/work_integration.hpp"

namespace nsai {

/// Which jobs are meant; absent and empty values mean all of the client's tenant.
struct job_filter {
  std::optional<job_status> status = {};
  std::string name_space = {};
  std::string experiment = {};             // its id, or the number of its run
  std::optional<std::string> tenant = {};  // absent: the client's; empty: all
  std::int64_t limit = 100;
};

/// Whose events a handler hears of.
enum class audience : std::uint8_t { own_tenant, everyone };

/// How a program finds the scheduler: `scheduler` is HOST:PORT (empty: NSAI_SCHEDULER, else
/// 127.0.0.1:4600), `secret_file` the file with the cluster's secret (empty: NSAI_SECRET_FILE, else
/// what a scheduler of the same user has left on this machine). The tenant is cns_crucible. Throws
/// shape_error for an address that is none or a file that cannot be read.
actors::client_options find_cluster(std::string const& scheduler = {},
                                    std::string const& secret_file = {});

namespace detail {
/// CAF's system, the program's or one that is made here, before what needs it.
class caf_system {
 protected:
  explicit caf_system(caf::actor_system* given);
  ~caf_system();
  caf::actor_system& caf_system_in_use() const;

 private:
  struct own_system;
  std::unique_ptr<own_system> own_;
  caf::actor_system* given_;
};
}  // namespace detail

/// The integration API: experiments go in, job numbers come out. Blocking calls for one thread at a
/// time, like those of actors::client, which it adds to; inside a CAF program use
/// actors/client_actor.hpp with the submissions of actors/work_integration.hpp.
/// Errors: usage for a submission that is not sound (every fault in one message), and those of
/// actors::client.
///
///   nsai::client client;
///   auto const job = client.submit_proposer_stage({.name = "proposer_scifact", .dataset =
///   "sample"},
///                                                 {.gpu = "A100", .memory_mb = 8192});
///   auto const result = client.await_job(nsai::value_or_throw(job), std::chrono::minutes{5});
class client : private detail::caf_system, public actors::client {
 public:
  /// With CAF's system of its own. It connects with the first call.
  explicit client(actors::client_options options = find_cluster());
  /// Inside a program that has one.
  client(caf::actor_system& system, actors::client_options options);
  ~client();

  template <class T>
  using result = actors::result_or_error<T>;

  /// The number of the run: a job whose children are the stages.
  result<job_id> submit_experiment(experiment const& e, submit_options const& terms = {});
  /// Of the type that the call names; an experiment that says another is refused.
  result<job_id> submit_proposer_stage(experiment e, submit_options const& terms = {});
  result<job_id> submit_antagonist_stage(experiment e, submit_options const& terms = {});
  result<job_id> submit_synthesizer_stage(experiment e, submit_options const& terms = {});
  result<job_id> submit_training(training_config const& config, submit_options const& terms = {});
  /// A document as an experiment file holds it (stages/experiment_builder.hpp writes it);
  /// `base_dir` is where its relative paths begin, by default the current directory.
  result<job_id> submit_document(json document, submit_options const& terms = {},
                                 std::filesystem::path const& base_dir = {});

  /// The result of a job that succeeds, of an experiment the context after its last stage; the
  /// error of one that does not; timeout/timed_out when it has not ended after `limit` (0: it is
  /// waited for ever).
  result<json> await_job(job_id job, std::chrono::milliseconds limit = {});
  result<job_record> get_job_status(job_id job);
  /// Newest first.
  result<std::vector<job_record>> list_jobs(job_filter const& filter = {});
  result<stats> get_stats();

  /// Calls `handler`, on a thread of its own, for every event whose name matches one of the shell
  /// patterns, until `detach`. One that throws, or whose one call takes longer than `limit` (0: any
  /// time), is detached, which is an event by itself (telemetry_bridge.hpp). Refused: the name is
  /// taken, anywhere in the cluster.
  std::optional<error_info> attach(std::string name, std::vector<std::string> patterns,
                                   actors::event_handler handler,
                                   audience whose = audience::own_tenant,
                                   std::chrono::milliseconds limit = std::chrono::milliseconds{
                                       5000});
  /// Once this has returned the handler runs no more.
  std::optional<error_info> detach(std::string name, audience whose = audience::own_tenant);

 private:
  result<job_id> submit_of_type(char const* type, experiment e, submit_options const& terms);
  template <class Build>
  result<job_id> submit_built(Build const& build);
  template <class Message>
  std::optional<error_info> tell_bridge(audience whose, Message message);
  actors::result_or_error<caf::actor> bridge_of(audience whose);

  actors::client_options where_;
  std::map<audience, caf::actor> bridges_;
};

/// What a call gave, for programs that have nothing better to do about an error than to end.
template <class T>
T value_or_throw(actors::result_or_error<T> result) {
  if (auto const* error = std::get_if<error_info>(&result))
    throw std::runtime_error(error->message);
  return std::get<T>(std::move(result));
}

}  // namespace nsai
