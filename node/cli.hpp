#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "actors/client.hpp"
#include "actors/config.hpp"
#include "actors/local_access.hpp"
#include "node/output.hpp"

namespace nsai::node {

/// The options that every command takes.
struct global_options {
  std::string scheduler = "127.0.0.1:4600";
  std::string tenant = "default";
  std::string secret_file;
  bool no_color = false;
  output out;
};

/// A connection to the scheduler for one command; nothing of CAF is started before it is made.
class session {
 public:
  explicit session(global_options const& global);
  actors::client* operator->() { return &client_; }

 private:
  actors::system_config config_;
  caf::actor_system system_;
  actors::client client_;
};

using actors::user_name;

/// The value, or the error thrown as command_error.
template <class T>
T value_of(actors::result_or_error<T>&& result) {
  if (auto* error = std::get_if<error_info>(&result))
    throw command_error(std::move(*error));
  return std::get<T>(std::move(result));
}
void want_done(std::optional<error_info> const& error);

/// A command adds its options to `app` and returns what runs it, giving the exit code.
using command_body = std::function<int()>;
using add_command = std::function<command_body(CLI::App& app, global_options& global)>;

struct command {
  char const* name;
  char const* summary;
  char const* example;
  add_command add;
};

command node_command();
command submit_command();
command await_command();
std::vector<command> job_commands();         // job, jobs, cancel, retry, logs, explain
std::vector<command> cluster_commands();     // nodes, drain, resume, stats, ...
std::vector<command> experiment_commands();  // run, experiments, experiment, compare, artifacts
command simulate_command();                  // and those under it

command recurring_command();

/// Makes a submission recur, and shows when it comes first.
int submit_recurring(session& connection, global_options const& global, add_recurrence const& wish);

/// Waits for the jobs with a progress line, prints their records, and gives the exit code.
int await_and_show(session& s, global_options const& global, std::vector<job_id> const& jobs,
                   std::int64_t limit_ms);

}  // namespace nsai::node
