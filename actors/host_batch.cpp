#include "actors/host_batch.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>

#include <fcntl.h>
#include <unistd.h>

#include "actors/host_process.hpp"
#include "actors/program_run.hpp"

namespace nsai::actors {
namespace {

error_info infra(std::string code, std::string message) {
  auto error = error_of("infra", std::move(code), std::move(message));
  error.retryable = true;
  return error;
}

/// Adds the last words of a host, which it could not put into the attempt's log any more; gives the
/// end of the log.
std::string finish_log(std::filesystem::path const& file, std::string const& last_words) {
  constexpr std::streamoff most_tail = 4096;
  std::error_code ignored;
  if (!last_words.empty()) {
    std::filesystem::create_directories(file.parent_path(), ignored);
    processes::file_descriptor const log{
        ::open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600)};
    [[maybe_unused]] auto const written = ::write(log.get(), last_words.data(), last_words.size());
  }
  std::ifstream in{file, std::ios::binary | std::ios::ate};
  if (!in)
    return last_words;
  in.seekg(std::max<std::streamoff>(0, in.tellg() - std::streampos{most_tail}));
  return {std::istreambuf_iterator<char>{in}, {}};
}

void blame(workplace const& where, attempt_outcome& outcome, start_attempt const& attempt,
           host_process const& host, processes::process_exit exit) {
  exit.stderr_tail = finish_log(where.log_of(attempt.ref), exit.stderr_tail);
  if (exit.lost) {
    outcome.result = attempt_result::lost;
    outcome.error = infra("warden_lost", "the process that watched over the attempt died");
  } else if (!host.fault.empty()) {
    outcome.error =
        error_of("stage", "stage_host", "the stage spoiled its host's connection: " + host.fault);
    outcome.error->retryable = true;
  } else {
    outcome.error = error_of_exit(attempt, exit, "stage's process");
  }
}

}  // namespace

attempt_outcome host_batch::end(item& which, attempt_result as) {
  which.done = true;
  --open;
  attempt_outcome outcome;
  outcome.ref = which.attempt.ref;
  outcome.result = as;
  outcome.backend = "stage_host";
  return outcome;
}

void host_batch::hand_back(std::string code, std::string message) {
  auto const why = infra(std::move(code), std::move(message));
  std::vector<attempt_outcome> outcomes;
  for (auto& each : items) {
    if (each.done)
      continue;
    outcomes.push_back(end(each, each.stop_as.value_or(attempt_result::returned)));
    if (!each.stop_as)
      outcomes.back().error = why;
  }
  over(std::move(outcomes));
}

std::optional<attempt_outcome> outcome_of_death(workplace const& where, host_process& host,
                                                std::size_t i,
                                                processes::process_exit const& exit) {
  auto& item = host.batch->items[i];
  if (item.done)
    return std::nullopt;
  // A death that we brought about ourselves, for another attempt's sake, is nobody's fault.
  bool const blamed = host.sequence_of(i) == host.running() &&
                      (!host.ending || !host.fault.empty() || exit.memory_exceeded);
  if (!item.stop_as && !blamed)
    return std::nullopt;
  auto outcome = host.batch->end(item, attempt_result::failed);
  if (blamed && exit.memory_exceeded)
    blame(where, outcome, item.attempt, host, exit);
  else if (item.stop_as)
    outcome.result = *item.stop_as;
  else
    blame(where, outcome, item.attempt, host, exit);
  if (outcome.result == attempt_result::timed_out)
    outcome.error = timeout_error(item.attempt);
  outcome.worker = "host-" + std::to_string(host.pid);
  outcome.peak_memory_mb = exit.peak_memory_mb;
  outcome.duration_ms =
      std::chrono::duration_cast<std::chrono::milliseconds>(host_clock::now() - host.given).count();
  return outcome;
}

attempt_outcome outcome_told(host_process const& host, host_batch::item& item,
                             stages::host_outcome&& told) {
  auto outcome = host.batch->end(item, told.result);
  if (told.result == attempt_result::canceled)
    outcome.result = item.stop_as.value_or(attempt_result::canceled);
  outcome.value.text = std::move(told.value);
  outcome.context.text = std::move(told.context);
  outcome.error = std::move(told.error);
  if (outcome.result == attempt_result::timed_out)
    outcome.error = timeout_error(item.attempt);
  outcome.duration_ms = told.duration_ms;
  outcome.busy_us = told.busy_us;
  outcome.peak_memory_mb = told.peak_memory_mb;
  outcome.worker = "host-" + std::to_string(host.pid);
  return outcome;
}

std::string describe_end(processes::process_exit const& exit) {
  if (exit.signal)
    return "signal " + std::to_string(*exit.signal);
  return "exit status " + std::to_string(exit.exit_status.value_or(-1)) +
         (exit.stderr_tail.empty() ? "" : ": " + exit.stderr_tail);
}

}  // namespace nsai::actors
