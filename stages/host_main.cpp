// The one-shot stage host: runs one stage that must not run in the node's process. It links no CAF.
//   nsai-stage-host STAGE
// with the environment of a `command` job (NSAI_OPTIONS, NSAI_CONTEXT, NSAI_RESULT, ...). The
// result file is an attempt_outcome; the exit status is 0 when it was written.
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <thread>

#include <signal.h>

#include "stages/stage.hpp"

namespace {

using namespace nsai;

std::string variable(char const* name) {
  char const* value = std::getenv(name);
  return value != nullptr ? value : "";
}

json_text file_text(std::string const& path) {
  std::ifstream in{path, std::ios::binary};
  return {std::string{std::istreambuf_iterator<char>{in}, {}}};
}

/// Turns SIGTERM and SIGINT into the stage's stop token, on a thread that waits for them.
void stop_on_signals(std::stop_source source) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
  std::thread([set, source]() mutable {
    int signal = 0;
    ::sigwait(&set, &signal);
    source.request_stop();
  }).detach();
}

bool write_result(attempt_outcome const& outcome) {
  auto const path = variable("NSAI_RESULT");
  auto const draft = path + ".new";
  std::ofstream out{draft, std::ios::binary};
  out << json(outcome).dump(-1, ' ', false, json::error_handler_t::replace);
  out.close();
  return out && std::rename(draft.c_str(), path.c_str()) == 0;
}

stages::stage_env environment(std::stop_token stop) {
  stages::stage_env env;
  env.stop = std::move(stop);
  // The same file as any program's, so that the node reads one kind of report.
  env.progress = [file = variable("NSAI_PROGRESS")](double fraction, std::string const& text) {
    std::ofstream{file, std::ios::app} << fraction << ' ' << text.substr(0, text.find('\n'))
                                       << '\n';
  };
  env.log = [](std::string const& line) { std::cout << line << std::endl; };
  env.job = std::strtoull(variable("NSAI_JOB_ID").c_str(), nullptr, 10);
  env.attempt =
      static_cast<std::uint32_t>(std::strtoul(variable("NSAI_ATTEMPT").c_str(), nullptr, 10));
  env.scratch = variable("NSAI_SCRATCH");
  env.artifacts = variable("NSAI_ARTIFACTS");
  if (auto const index = variable("NSAI_ARRAY_INDEX"); !index.empty())
    env.array_index = std::strtoll(index.c_str(), nullptr, 10);
  if (auto const devices = variable("NSAI_DEVICES"); !devices.empty())
    read_json(json_text{devices}.value(), env.devices);
  return env;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2 || variable("NSAI_RESULT").empty()) {
    std::cerr << "nsai-stage-host: started by a node with the name of a stage and NSAI_RESULT; not "
                 "by hand\n";
    return 2;
  }
  std::stop_source source;
  stop_on_signals(source);
  auto const registry = stages::built_in_stages();
  auto const* stage = registry.find(argv[1]);
  attempt_outcome outcome;
  try {
    auto env = environment(source.get_token());
    if (stage == nullptr)
      throw std::runtime_error(std::string{"the stage host does not have the stage "} + argv[1]);
    outcome = stages::run_stage(*stage, file_text(variable("NSAI_OPTIONS")),
                                file_text(variable("NSAI_CONTEXT")), env);
  } catch (std::exception const& e) {
    outcome.result = attempt_result::failed;
    outcome.error = error_of("stage", "stage_host", e.what());
  }
  if (!write_result(outcome)) {
    std::cerr << "nsai-stage-host: the result cannot be written to " << variable("NSAI_RESULT")
              << '\n';
    return 1;
  }
  return 0;
}
