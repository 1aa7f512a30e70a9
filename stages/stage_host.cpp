#include "stages/stage_host.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <thread>

#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "stages/on_device.hpp"
#include "stages/plugin_loader.hpp"

namespace nsai::stages {
namespace {

namespace fs = std::filesystem;

/// Outcomes of brief attempts wait for each other, but not for longer than this and not for more.
constexpr std::chrono::milliseconds longest_wait{2};
constexpr std::size_t most_together = 64;
constexpr std::chrono::milliseconds between_progress{100};

std::int64_t status_mb(char const* key) {
  std::ifstream in{"/proc/self/status"};
  std::string const wanted = std::string{key} + ":";
  for (std::string line; std::getline(in, line);)
    if (line.rfind(wanted, 0) == 0)
      return (std::atoll(line.c_str() + wanted.size()) + 1023) / 1024;
  return 0;
}

/// From now on VmHWM is the peak of what comes.
void forget_peak() {
  std::ofstream{"/proc/self/clear_refs"} << "5";
}

/// Takes in the dead; true when a child lives on. (What an attempt's children left behind is a
/// child of this process, too: it is a subreaper.)
bool has_children() {
  pid_t gone = 0;
  while ((gone = ::waitpid(-1, nullptr, WNOHANG)) > 0) {
  }
  return gone == 0;
}

host_outcome failed(std::string code, std::string message) {
  host_outcome told;
  told.result = attempt_result::failed;
  told.error = error_of("stage", std::move(code), std::move(message));
  return told;
}

host_outcome told_of(attempt_outcome&& from) {
  host_outcome told;
  told.result = from.result;
  told.value = std::move(from.value.text);
  told.context = std::move(from.context.text);
  told.error = std::move(from.error);
  return told;
}

}  // namespace

stage_host::stage_host(processes::file_descriptor channel, host_page& page, host_output& output,
                       std::function<compute&()> gpu)
    : channel_(std::move(channel)),
      page_(page),
      output_(output),
      gpu_(std::move(gpu)),
      registry_(built_in_stages()) {}

void stage_host::live() {
  std::thread([this] { listen(); }).detach();
  while (true) {
    auto const request = next();
    bool const brief = request.run_dir.empty();
    if (!brief)
      flush();
    page_.begun.store(request.sequence, std::memory_order_release);
    auto outcome = run(request);
    outcome.sequence = request.sequence;
    page_.ended.store(request.sequence, std::memory_order_release);
    add(std::move(outcome), brief);
  }
}

// The second thread

void stage_host::listen() {
  while (true) {
    std::array<pollfd, 3> ends{
        {{channel_.get(), POLLIN, 0}, {output_.out(), POLLIN, 0}, {output_.err(), POLLIN, 0}}};
    ::poll(ends.data(), ends.size(), -1);
    if (((ends[1].revents | ends[2].revents) & POLLIN) != 0)
      output_.pump();
    if (ends[0].revents != 0)
      hear();
  }
}

void stage_host::hear() {
  std::array<char, 65536> buffer;
  auto const count = ::recv(channel_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
  if (count < 0 && (errno == EAGAIN || errno == EINTR))
    return;
  if (count <= 0)
    ::_exit(0);  // the node is gone; what the stage may still do is of no use to anyone
  received_.append({buffer.data(), static_cast<std::size_t>(count)});
  try {
    while (auto frame = received_.next())
      obey(*frame);
  } catch (std::invalid_argument const& e) {
    std::cerr << "nsai-stage-host: " << e.what() << std::endl;
    ::_exit(70);
  }
}

void stage_host::obey(host_frame_reader::frame const& frame) {
  if (frame.kind == host_frame::setup) {
    std::lock_guard const lock{mutex_};
    setup_ = message_of<host_setup>(frame.document);
    ready_ = true;
  } else if (frame.kind == host_frame::run) {
    auto more = message_of<host_requests>(frame.document);
    std::lock_guard const lock{mutex_};
    for (auto& each : more.requests)
      queue_.push_back(std::move(each));
  } else if (frame.kind == host_frame::stop) {
    stop(message_of<host_stop>(frame.document).sequence);
  } else {
    throw std::invalid_argument("a frame that is not for a host");
  }
  changed_.notify_one();
}

void stage_host::stop(std::uint64_t sequence) {
  {
    std::lock_guard const lock{mutex_};
    if (running_ == sequence) {
      stop_.request_stop();
      return;
    }
    if (std::erase_if(queue_, [&](auto const& each) { return each.sequence == sequence; }) == 0)
      return;
  }
  host_outcomes told;
  told.pid = ::getpid();
  told.outcomes.emplace_back().sequence = sequence;
  told.outcomes.back().result = attempt_result::canceled;
  send(host_frame_of(host_frame::over, told));
}

// The first thread

host_request stage_host::next() {
  std::unique_lock lock{mutex_};
  running_ = 0;
  if (!ready_ || queue_.empty()) {
    lock.unlock();
    flush();
    lock.lock();
    changed_.wait(lock, [&] { return ready_ && !queue_.empty(); });
  }
  auto request = std::move(queue_.front());
  queue_.pop_front();
  running_ = request.sequence;
  stop_ = {};
  return request;
}

host_outcome stage_host::run(host_request const& request) {
  auto const begin = clock::now();
  stage_env env;
  {
    std::lock_guard const lock{mutex_};
    env.stop = stop_.get_token();
    env.datasets = setup_.datasets;
  }
  env.attempt = request.ref.attempt;
  env.job = request.ref.job.value;
  env.array_index = request.array_index;
  env.gang = request.gang;
  env.step = request.step;
  env.devices = request.devices;
  env.gpu = gpu_;
  env.log = [this](std::string const& line) { output_.line(line); };
  env.progress = [this, sequence = request.sequence](double fraction, std::string const& text) {
    report_progress(sequence, fraction, text);
  };
  output_.begin(request.log, request.log_limit_bytes);
  last_progress_ = {};
  auto outcome = request.run_dir.empty() ? told_of(run_stage_of(request, env))
                                         : run_in_directories(request, env);
  std::fflush(nullptr);
  std::cout.flush();
  output_.end();
  // What a library's failure on a GPU has left of CUDA nobody knows; built-in stages tell.
  bool const may_have_spoilt = outcome.result == attempt_result::failed &&
                               setup_.plugins.contains(request.stage) &&
                               has_real_gpu(request.devices);
  outcomes_.spent = has_children() || env.device_lost || may_have_spoilt || outcomes_.spent;
  auto const took = clock::now() - begin;
  outcome.duration_ms = std::chrono::duration_cast<std::chrono::milliseconds>(took).count();
  outcome.busy_us = std::max<std::int64_t>(
      1, std::chrono::duration_cast<std::chrono::microseconds>(took).count());
  return outcome;
}

host_outcome stage_host::run_in_directories(host_request const& request, stage_env& env) {
  env.scratch = fs::path{request.run_dir} / "scratch";
  env.artifacts = request.artifacts;
  std::error_code fault;
  fs::create_directories(env.scratch, fault);
  if (!fault)
    fs::create_directories(env.artifacts, fault);
  if (!fault)
    fs::current_path(env.scratch, fault);
  if (fault) {
    auto told = failed("node_disk", "the node could not prepare the attempt: " + fault.message());
    told.result = attempt_result::returned;
    told.error->category = "infra";
    told.error->retryable = true;
    return told;
  }
  forget_peak();
  auto told = told_of(run_stage_of(request, env));
  told.peak_memory_mb = status_mb("VmHWM");
  fs::current_path("/", fault);
  fs::remove_all(request.run_dir, fault);
  fs::remove(request.artifacts, fault);  // succeeds only when nothing was left in it
  ::malloc_trim(0);
  outcomes_.resident_mb = status_mb("VmRSS");
  return told;
}

attempt_outcome stage_host::run_stage_of(host_request const& request, stage_env& env) {
  try {
    if (auto const* stage = find(request.stage))
      return run_stage(*stage, {request.options}, {request.context}, env);
    attempt_outcome none;
    none.result = attempt_result::returned;
    none.error =
        error_of("infra", "unknown_stage", "this node does not have the stage " + request.stage);
    return none;
  } catch (std::exception const& e) {
    attempt_outcome told;
    told.result = attempt_result::failed;
    told.error = error_of("stage", "stage_host", e.what());
    return told;
  } catch (...) {
    attempt_outcome told;
    told.result = attempt_result::failed;
    told.error =
        error_of("stage", "exception", "the stage threw something that is no std::exception");
    told.error->retryable = true;
    return told;
  }
}

/// A library is loaded when its first stage is asked for: one that has become bad spoils only its
/// own attempts.
stage const* stage_host::find(std::string const& name) {
  auto const in = setup_.plugins.find(name);
  if (in != setup_.plugins.end() && loaded_.insert(in->second).second) {
    try {
      load_plugin(in->second, registry_);
    } catch (...) {
      loaded_.erase(in->second);
      throw;
    }
  }
  return registry_.find(name);
}

void stage_host::report_progress(std::uint64_t sequence, double fraction, std::string const& text) {
  auto const now = clock::now();
  if (now - last_progress_ < between_progress && fraction < 1)
    return;
  last_progress_ = now;
  host_progress told;
  told.sequence = sequence;
  told.fraction.value = static_cast<std::int64_t>(std::clamp(fraction, 0.0, 1.0) * 1000 + 0.5);
  told.text = text.substr(0, text.find('\n'));
  send(host_frame_of(host_frame::progress, told));
}

void stage_host::add(host_outcome outcome, bool brief) {
  auto const now = clock::now();
  if (outcomes_.outcomes.empty())
    oldest_outcome_ = now;
  outcomes_.outcomes.push_back(std::move(outcome));
  if (!brief || outcomes_.outcomes.size() >= most_together || now - oldest_outcome_ >= longest_wait)
    flush();
}

void stage_host::flush() {
  if (outcomes_.outcomes.empty())
    return;
  outcomes_.pid = ::getpid();
  send(host_frame_of(host_frame::over, outcomes_));
  outcomes_ = {};
}

void stage_host::send(std::string const& frame) {
  std::lock_guard const lock{sending_};
  std::string_view rest = frame;
  while (!rest.empty()) {
    auto const sent = ::send(channel_.get(), rest.data(), rest.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR)
      continue;
    if (sent <= 0)
      ::_exit(0);
    rest.remove_prefix(static_cast<std::size_t>(sent));
  }
}

}  // namespace nsai::stages
