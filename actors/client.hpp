#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include <caf/actor_system.hpp>
#include <caf/scoped_actor.hpp>

#include "actors/scheduler_link.hpp"
#include "messages/api.hpp"
#include "messages/explanation.hpp"
#include "messages/observe.hpp"
#include "messages/recurrence.hpp"
#include "messages/tenant.hpp"

namespace nsai::actors {

struct client_options {
  endpoint scheduler{"127.0.0.1", 4600};
  std::string secret;
  std::string tenant = "default";
  std::chrono::milliseconds connect_limit{
      10'000};  // of the first try to connect: hundreds may come at once
  std::chrono::milliseconds call_limit{30'000};  // of one call, reconnects included
  std::chrono::milliseconds reconnect_limit{
      60'000};  // how long a wait outlives the scheduler's absence
  /// How long jobs that come faster than the tenant may submit are held back and sent again before
  /// the refusal ("rate_limited", with `retry_after_ms`) is told; 0: it is told at once.
  std::chrono::milliseconds pause_limit{30'000};
};

template <class T>
using result_or_error = std::variant<T, error_info>;

/// A program's side of the scheduler for plain threads: blocking calls on a client_actor, which
/// keeps the connection and repeats what was lost. One thread at a time. Errors: unavailable when
/// the scheduler cannot be reached in time; else what the scheduler refuses with.
class client {
 public:
  client(caf::actor_system& system, client_options options);
  ~client();
  client(client const&) = delete;
  client& operator=(client const&) = delete;

  /// Nothing, or why the scheduler cannot be reached. Calls connect by themselves; this fails at
  /// once where they would go on trying.
  std::optional<error_info> connect();

  result_or_error<submit_reply> submit(std::vector<submission> jobs);
  /// All of them, or none; they may name each other (`submission::after`).
  result_or_error<submit_reply> submit_batch(std::vector<submission> jobs);
  /// What holds from now on.
  result_or_error<recurrence> recur(add_recurrence const& wish);
  result_or_error<std::vector<recurrence>> recurrences(bool all_tenants = false);
  std::optional<error_info> cancel_recurring(std::vector<std::string> names);
  result_or_error<submit_reply> retry(std::vector<job_id> const& jobs);
  std::optional<error_info> cancel(std::vector<job_id> const& jobs);

  /// Waits for the end of all of them, or until `limit` (0: for ever) has passed; then code
  /// "timed_out". `tick` is called about every `interval` while waiting; it may make calls.
  result_or_error<std::vector<job_record>> await(
      std::vector<job_id> const& jobs, std::chrono::milliseconds limit,
      std::function<void()> const& tick = {},
      std::chrono::milliseconds interval = std::chrono::milliseconds{500});

  result_or_error<std::vector<job_record>> get(std::vector<job_id> const& jobs);
  result_or_error<explanation> explain(job_id job);
  result_or_error<std::vector<job_record>> list(list_jobs const& filter);
  result_or_error<log_chunk> log(job_id job, attempt_no attempt, std::int64_t offset);
  result_or_error<std::vector<node_record>> nodes();
  result_or_error<std::vector<tenant_record>> tenants();
  std::optional<error_info> drain(drain_nodes const& order);
  std::optional<error_info> resume(std::vector<std::string> nodes);
  result_or_error<std::vector<stage_description>> stages(std::string const& name = {});
  result_or_error<stats> statistics();
  /// Recent events go to `each`; with `follow`, also those to come, until `each` returns false.
  /// `missed` hears how many, at most, are no longer kept where the next ones would have followed.
  std::optional<error_info> watch(watch_events const& wish,
                                  std::function<bool(event const&)> const& each,
                                  std::function<void(std::uint64_t)> const& missed = {});

  std::string const& tenant() const { return options_.tenant; }

 private:
  template <class Reply, class... Messages>
  result_or_error<Reply> call(Messages const&... messages);
  template <class Message>
  std::optional<error_info> want_answer(Message const& message);
  find_scheduler search() const;
  void start(find_scheduler find);
  caf::actor const& actor();

  caf::actor_system& system_;
  client_options options_;
  caf::scoped_actor self_;
  caf::actor actor_;
};

}  // namespace nsai::actors
