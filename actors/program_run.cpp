#include "actors/program_run.hpp"

#include <cstring>
#include <fstream>
#include <set>

#include "messages/bounded_json.hpp"
#include "processes/signal_names.hpp"
#include "stages/context_merge.hpp"

namespace nsai::actors {
namespace {

namespace fs = std::filesystem;

error_info infra_error(std::string code, std::string message) {
  auto error = error_of("infra", std::move(code), std::move(message));
  error.retryable = true;
  return error;
}

error_info stage_error(std::string code, std::string message, bool retryable = true) {
  auto error = error_of("stage", std::move(code), std::move(message));
  error.retryable = retryable;
  return error;
}

std::string devices_json(start_attempt const& attempt) {
  return write_json(attempt.devices).dump();
}

/// One process a member; a program that wants one a GPU starts them by torchrun or the like, which
/// takes the node's rank and sets the rest anew for each.
void add_gang(std::map<std::string, std::string>& env, gang_place const& gang) {
  env["RANK"] = env["NODE_RANK"] = std::to_string(gang.rank);
  env["WORLD_SIZE"] = env["NNODES"] = std::to_string(gang.nodes);
  env["LOCAL_RANK"] = "0";
  env["LOCAL_WORLD_SIZE"] = "1";
  env["MASTER_ADDR"] = gang.master_addr;
  env["MASTER_PORT"] = std::to_string(gang.master_port);
}

std::vector<std::string> environment(workplace const& where, start_attempt const& attempt,
                                     fs::path const& run_dir, json const& options) {
  auto env = where.base_environment();
  if (auto const given = options.find("env"); given != options.end() && given->is_object())
    for (auto const& [name, value] : given->items())
      env[name] = value.is_string() ? value.get<std::string>() : value.dump();
  env["NSAI_JOB_ID"] = std::to_string(attempt.ref.job.value);
  env["NSAI_ATTEMPT"] = std::to_string(attempt.ref.attempt);
  if (attempt.array_index)
    env["NSAI_ARRAY_INDEX"] = std::to_string(*attempt.array_index);
  if (attempt.gang)
    add_gang(env, *attempt.gang);
  env["NSAI_OPTIONS"] = run_dir / "options.json";
  env["NSAI_CONTEXT"] = run_dir / "context.json";
  env["NSAI_RESULT"] = run_dir / "result.json";
  env["NSAI_PROGRESS"] = where.progress_file_of(attempt.ref);
  env["NSAI_SCRATCH"] = run_dir / "scratch";
  env["NSAI_CHECKPOINT_DIR"] = where.checkpoints_of(attempt.ref.job);
  env["NSAI_ARTIFACTS"] = where.artifacts_of(attempt);
  env["NSAI_STOP_GRACE_MS"] = std::to_string(attempt.grace_ms);
  env["NSAI_DEVICES"] = devices_json(attempt);
  env["NSAI_TRACE_ID"] = attempt.trace_id;
  env["CUDA_VISIBLE_DEVICES"] = visible_devices(attempt.devices);
  std::vector<std::string> list;
  for (auto const& [name, value] : env)
    list.push_back(name + "=" + value);
  return list;
}

std::string text_option(json const& options, char const* name) {
  auto const found = options.find(name);
  return found != options.end() && found->is_string() ? found->get<std::string>() : std::string{};
}

std::optional<error_info> fill_command(workplace const& where, start_attempt const& attempt,
                                       json const& options, processes::process_spec& spec) {
  if (auto const launcher = text_option(options, "launcher"); !launcher.empty()) {
    auto const found = where.launchers.find(launcher);
    if (found == where.launchers.end())
      return infra_error("unknown_launcher",
                         "options.launcher: this node has no launcher \"" + launcher + "\"");
    spec.argv = found->second;
  }
  for (auto const& word : options.value("argv", json::array()))
    spec.argv.push_back(word.is_string() ? word.get<std::string>() : word.dump());
  if (spec.argv.empty())
    return stage_error("no_program",
                       "options.argv: nothing was given; expected a program and its arguments",
                       false);
  spec.cwd = text_option(options, "chdir");
  auto const place = [&](char const* name) {
    auto const pattern = text_option(options, name);
    if (pattern.empty())
      return std::string{};
    fs::path const path = expand_output_path(pattern, attempt);
    return (path.is_absolute() || spec.cwd.empty() ? path : spec.cwd / path).string();
  };
  spec.stdout_path = place("stdout");
  spec.stderr_path = place("stderr");
  return std::nullopt;
}

error_info error_of_fault(processes::process_exit const& exit, json const& options) {
  using processes::spawn_fault;
  std::string const why = std::strerror(exit.fault_errno);
  switch (exit.fault) {
    case spawn_fault::chdir:
      return infra_error("no_directory", "chdir: " + text_option(options, "chdir") + ": " + why);
    case spawn_fault::open_stdout:
      return stage_error("stdout", "stdout: " + text_option(options, "stdout") + ": " + why);
    case spawn_fault::open_stderr:
      return stage_error("stderr", "stderr: " + text_option(options, "stderr") + ": " + why);
    case spawn_fault::exec: {
      auto const argv = options.value("argv", json::array());
      auto error = stage_error(
          "exec", "cannot run " + (argv.empty() ? "the program" : argv.at(0).dump()) + ": " + why);
      error.exit_status = exit.fault_errno == ENOENT ? 127 : 126;
      return error;
    }
    default:
      return infra_error("spawn", "the node could not start the program: " + why);
  }
}

/// The result file, if the program wrote one; throws shape_error when it is too large or not JSON.
std::string read_result(fs::path const& file) {
  std::error_code none;
  auto const size = fs::file_size(file, none);
  if (none)
    return {};
  if (size > stages::most_result_bytes)
    throw shape_error("result", std::to_string(size) + " bytes are not allowed",
                      "at most 16777216 (16 MiB); write what is larger to a file below "
                      "NSAI_ARTIFACTS and name it in the result");
  std::ifstream in{file, std::ios::binary};
  std::string text{std::istreambuf_iterator<char>{in}, {}};
  if (nests_too_deep(text))
    throw too_deep("result");
  if (!json::accept(text))
    throw shape_error("result", "the result file is not JSON",
                      "a JSON value in the file NSAI_RESULT");
  return text;
}

/// Throws shape_error when the context does not have the shape of one.
void take_context(start_attempt const& attempt, attempt_outcome& outcome) {
  if (outcome.value.text.find("\"context\"") == std::string::npos)
    return;
  auto value = outcome.value.value();
  if (!value.is_object() || !value.contains("context") || !value.at("context").is_object())
    return;
  auto changes = value.at("context");
  auto const start = attempt.context.empty() ? json::object() : attempt.context.value();
  try {
    stages::check_context(changes);
  } catch (shape_error const& e) {
    throw e.inside("result");
  }
  auto const after = stages::overlay_context(start, changes);
  value.erase("context");
  outcome.value = json_text::of(value);
  outcome.context = json_text::of(after);
}

}  // namespace

error_info error_of_exit(start_attempt const& attempt, processes::process_exit const& exit,
                         std::string const& what) {
  std::string tail = exit.stderr_tail;
  while (!tail.empty() && (tail.back() == '\n' || tail.back() == ' '))
    tail.pop_back();
  auto const with_tail = [&](std::string text) { return tail.empty() ? text : text + ": " + tail; };
  if (exit.memory_exceeded)
    return stage_error("memory_exceeded", "the job held " + std::to_string(exit.peak_memory_mb) +
                                              " MiB of memory; it had reserved " +
                                              std::to_string(attempt.memory_mb));
  if (exit.signal) {
    auto const name = processes::signal_name(*exit.signal);
    auto error = stage_error("signal", with_tail("the " + what + " was ended by " + name));
    error.signal = name;
    return error;
  }
  auto error = stage_error("exit_status", with_tail("the " + what + " ended with exit status " +
                                                    std::to_string(exit.exit_status.value_or(0))));
  error.exit_status = exit.exit_status;
  return error;
}

error_info timeout_error(start_attempt const& attempt) {
  return stage_error("timeout", "the attempt was stopped after " +
                                    std::to_string(attempt.timeout_ms) +
                                    " ms (constraints.timeout_ms)");
}

std::string expand_output_path(std::string const& pattern, start_attempt const& attempt) {
  std::string path;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] != '%' || i + 1 == pattern.size()) {
      path += pattern[i];
      continue;
    }
    switch (pattern[++i]) {
      case 'j':
        path += std::to_string(attempt.ref.job.value);
        break;
      case 'a':
        path += std::to_string(attempt.ref.attempt);
        break;
      case 'i':
        path += std::to_string(attempt.array_index.value_or(0));
        break;
      case 't':
        path += attempt.tenant_id;
        break;
      case '%':
        path += '%';
        break;
      default:
        path += {'%', pattern[i]};
    }
  }
  return path;
}

std::variant<processes::process_spec, error_info> prepare(workplace const& where,
                                                          run_directories& files,
                                                          start_attempt const& attempt) {
  auto const run_dir = where.run_dir_of(attempt.ref);
  processes::process_spec spec;
  json options = json::object();
  try {
    if (!attempt.options.empty())
      options = attempt.options.value();
  } catch (shape_error const& e) {
    return stage_error("bad_options", e.what(), false);
  }
  if (auto fault = fill_command(where, attempt, options, spec))
    return *fault;
  try {
    files.make_run(run_dir, attempt.options.empty() ? "{}" : attempt.options.text,
                   attempt.context.empty() ? "{}" : attempt.context.text);
    files.make_folders({where.checkpoints_of(attempt.ref.job), where.artifacts_of(attempt)});
  } catch (fs::filesystem_error const& e) {
    files.remove_run(run_dir);
    return infra_error("node_disk",
                       std::string{"the node could not prepare the attempt: "} + e.what());
  }
  spec.env = environment(where, attempt, run_dir, options);
  spec.log_path = where.log_of(attempt.ref);
  spec.log_limit_bytes = where.log_limit_bytes;
  spec.memory_limit_mb = attempt.memory_mb;
  return spec;
}

attempt_outcome conclude(workplace const& where, run_directories& files,
                         start_attempt const& attempt, processes::process_exit const& exit,
                         attempt_result stopped_as) {
  attempt_outcome outcome;
  outcome.ref = attempt.ref;
  outcome.backend = "command";
  outcome.duration_ms = exit.duration_ms;
  outcome.peak_memory_mb = exit.peak_memory_mb;
  auto const run_dir = where.run_dir_of(attempt.ref);
  try {
    if (exit.lost) {
      outcome.result = attempt_result::lost;
      outcome.error = infra_error("warden_lost", "the process that watched over the attempt died");
    } else if (exit.fault != processes::spawn_fault::none) {
      outcome.error =
          error_of_fault(exit, attempt.options.empty() ? json::object() : attempt.options.value());
      outcome.result =
          outcome.error->category == "infra" ? attempt_result::returned : attempt_result::failed;
    } else if (exit.exit_status == 0 && !exit.memory_exceeded) {
      outcome.value.text = read_result(run_dir / "result.json");
      take_context(attempt, outcome);
      stages::refuse_large(outcome);
    } else if (exit.stopped && !exit.memory_exceeded) {
      outcome.result = stopped_as;
    } else {
      outcome.result = attempt_result::failed;
      outcome.error = error_of_exit(attempt, exit, "program");
    }
  } catch (std::exception const& e) {
    outcome.result = attempt_result::failed;
    outcome.error = stage_error("bad_result", e.what());
  }
  if (outcome.result == attempt_result::timed_out)
    outcome.error = timeout_error(attempt);
  files.remove_run(run_dir);
  files.remove_folder(where.checkpoints_of(attempt.ref.job));
  files.remove_folder(where.artifacts_of(attempt));
  return outcome;
}

stages::attempt_files files_of(workplace const& where, start_attempt const& attempt) {
  return {where.artifacts_of(attempt), attempt.ref.job.value, attempt.step, {}};
}

}  // namespace nsai::actors
