#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>
#include <sys/types.h>

#include "tests/support/eventually.hpp"

/// Real processes for end-to-end tests: nodes that are started, killed and started again, and the
/// command line.
namespace nsai::tests {

using json = nlohmann::json;

/// What a finished command printed and returned.
struct finished {
  int exit_code = -1;
  std::string out;
  std::string err;
  json document() const;  // stdout as JSON; null when it is none
};

class node_process {
 public:
  node_process(std::vector<std::string> argv, std::filesystem::path const& log,
               std::map<std::string, std::string> env);
  ~node_process();  // kill -9, if it still runs
  node_process(node_process const&) = delete;
  node_process& operator=(node_process const&) = delete;

  pid_t pid() const { return pid_; }
  bool wait_ready(std::chrono::seconds limit = std::chrono::seconds{20});
  std::string const& ready_line() const { return ready_line_; }
  void signal(int number) const;
  /// The exit status once it has ended (128 + signal when killed); -1 when it runs on at the limit.
  int wait_end(std::chrono::seconds limit = std::chrono::seconds{20});
  void kill_hard();

 private:
  pid_t pid_ = -1;
  int out_ = -1;
  int status_ = -1;
  bool ended_ = false;
  std::string ready_line_;
};

/// A cluster in a temporary directory, on a free port. Everything it started is gone when it ends.
class cluster {
 public:
  cluster();
  ~cluster();

  /// The node with the scheduler. `options` are more words of `nsai node`.
  node_process& start_head(std::vector<std::string> options = {});
  /// A node that joins it.
  node_process& start_node(std::string const& name, std::vector<std::string> options = {});
  /// The same without waiting until it is ready: it may be killed before that.
  node_process& launch_head(std::vector<std::string> options = {});
  node_process& launch_node(std::string const& name, std::vector<std::string> options = {});
  node_process& node(std::string const& name) { return *nodes_.at(name); }
  void stop_node(std::string const& name) { nodes_.erase(name); }

  /// Before anything is started: the scheduler's address, on the port that is free on 127.0.0.1.
  void listen_on(std::string const& host);
  /// Words before those of the node ("": of the command line), such as `ip netns exec NAME`.
  void start_through(std::string const& name, std::vector<std::string> words);
  /// More environment of the node ("": of the command line).
  void add_environment(std::string const& name, std::map<std::string, std::string> more);

  /// Runs `nsai WORDS...` against this cluster.
  finished run(std::vector<std::string> words,
               std::chrono::seconds limit = std::chrono::seconds{60}) const;
  /// The same with --json; checks that the exit code is 0 and gives the document.
  json ask(std::vector<std::string> words) const;
  json job(std::uint64_t number) const { return ask({"job", std::to_string(number)}); }
  /// Submits and gives the number.
  std::uint64_t submit(std::vector<std::string> words) const;
  bool wait_status(std::uint64_t job, std::string const& status,
                   std::chrono::seconds limit = std::chrono::seconds{30}) const;

  std::filesystem::path const& directory() const { return directory_; }
  std::filesystem::path data_of(std::string const& name) const { return directory_ / name; }
  /// What the node has logged up to now.
  std::string log_of(std::string const& name) const;
  std::string const& address() const { return address_; }

 private:
  node_process& launch(std::string const& name, std::vector<std::string> words,
                       std::vector<std::string> options);
  node_process& wait_for(std::string const& name);
  std::vector<std::string> words_before(std::string const& name) const;
  std::map<std::string, std::string> environment(std::string const& name) const;

  std::filesystem::path directory_;
  std::uint16_t port_ = 0;
  std::string address_;
  std::map<std::string, std::vector<std::string>> before_;
  std::map<std::string, std::map<std::string, std::string>> more_environment_;
  std::map<std::string, std::unique_ptr<node_process>> nodes_;
};

/// The program under test: where it was built, or NSAI_PROGRAM of the environment.
std::string program();

/// Runs any program; an environment of its own.
finished run_program(std::vector<std::string> const& argv,
                     std::map<std::string, std::string> const& env, std::chrono::seconds limit);

}  // namespace nsai::tests
