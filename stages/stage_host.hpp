#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

#include "stages/host_output.hpp"
#include "stages/host_protocol.hpp"
#include "stages/stage.hpp"

namespace nsai::stages {

/// A stage host's process: attempts run one after the other on the calling thread; a second thread
/// hears the node, so that stops and output never wait for a stage.
class stage_host {
 public:
  /// `page` is shared with the node. The channel is a socket. `gpu` gives the GPU to the stages
  /// that ask for it.
  stage_host(processes::file_descriptor channel, host_page& page, host_output& output,
             std::function<compute&()> gpu);

  /// Until the node's end of the channel closes; then the process ends at once.
  [[noreturn]] void live();

 private:
  using clock = std::chrono::steady_clock;

  // The second thread
  [[noreturn]] void listen();
  void hear();
  void obey(host_frame_reader::frame const& frame);
  void stop(std::uint64_t sequence);

  // The first
  host_request next();
  host_outcome run(host_request const& request);
  host_outcome run_in_directories(host_request const& request, stage_env& env);
  attempt_outcome run_stage_of(host_request const& request, stage_env& env);
  stage const* find(std::string const& name);
  void report_progress(std::uint64_t sequence, double fraction, std::string const& text);
  void add(host_outcome outcome, bool brief);
  void flush();
  void send(std::string const& frame);

  processes::file_descriptor channel_;
  host_page& page_;
  host_output& output_;
  std::function<compute&()> gpu_;
  registry registry_;
  host_setup setup_;
  std::set<std::string> loaded_;
  host_frame_reader received_;

  std::mutex mutex_;  // of what follows
  std::condition_variable changed_;
  std::deque<host_request> queue_;
  std::uint64_t running_ = 0;  // sequence; 0: none
  std::stop_source stop_;
  bool ready_ = false;  // the setup has come

  std::mutex sending_;
  host_outcomes outcomes_;  // not sent yet; of the first thread
  clock::time_point oldest_outcome_;
  clock::time_point last_progress_;
};

}  // namespace nsai::stages
