// nsai submit, nsai await
#include <filesystem>
#include <fstream>
#include <iostream>
#include <optional>

#include <fmt/format.h>

#include "node/batch_file.hpp"
#include "node/cli.hpp"
#include "node/units.hpp"
#include "stages/experiment.hpp"
#include "stages/stage.hpp"

namespace nsai::node {
namespace {

namespace fs = std::filesystem;

/// Everything that `nsai submit` takes, as typed.
struct submit_words {
  std::string stage, options, context, priority = "batch", name_space = "default", kind, key, array;
  std::vector<std::string> set, tags, node_labels, program, env;
  bool wait = false;
  // resources
  std::string cpu, memory, gpu, gpu_memory, gpu_share;
  std::optional<std::int32_t> gpus, nodes;
  // constraints
  bool preemptible = false;
  std::string timeout, estimate, retry_backoff, backoff, grace, stop_signal, deadline, not_before;
  std::optional<std::int32_t> max_retries;
  std::vector<std::string> after, after_any;
  std::string on_failed_dependency, group;
  std::optional<std::int32_t> group_limit;
  std::string unique, name, cron, batch;
  // command jobs
  std::string chdir, env_file, stdout_path, stderr_path, launcher;
  std::string max_cost;
};

void add_resources(CLI::App& app, submit_words& w) {
  app.add_option("--cpu", w.cpu, "cores (default 1)");
  app.add_option("--memory", w.memory, "memory, such as 8G; also the bound");
  app.add_option("--gpu", w.gpu, "GPU model, such as A100 or A100|H100");
  app.add_option("--gpus", w.gpus, "how many GPUs");
  app.add_option("--gpu-memory", w.gpu_memory, "least memory of each GPU");
  app.add_option("--gpu-share", w.gpu_share, "part of one GPU, above 0 to 1");
  app.add_option("--nodes", w.nodes, "a gang: on so many nodes at once, each with all of these");
  app.add_option("--node-label", w.node_labels, "K=V that the node must have")
      ->allow_extra_args(false);
}

void add_constraints(CLI::App& app, submit_words& w) {
  app.add_option("--estimate", w.estimate,
                 "how long it will take: small jobs fill gaps before large ones (timeout)");
  app.add_flag(
      "--preemptible", w.preemptible,
      "may be stopped for realtime jobs, and use more than the tenant's quota while nobody "
      "else claims it; it is tried again then");
  app.add_option("--timeout", w.timeout, "longest run of one attempt, such as 30m (0: none)");
  app.add_option("--max-retries", w.max_retries, "failures allowed beyond the first");
  app.add_option("--retry-backoff", w.retry_backoff, "delay before the first retry");
  app.add_option("--backoff", w.backoff, "constant, linear or exponential");
  app.add_option("--grace", w.grace, "between the stop signal and SIGKILL");
  app.add_option("--stop-signal", w.stop_signal, "default SIGTERM");
  app.add_option("--deadline", w.deadline, "RFC 3339 time, or a duration from now");
  app.add_option("--not-before", w.not_before, "RFC 3339 time, or a duration from now");
  app.add_option("--after", w.after, "jobs that must succeed first")
      ->delimiter(',')
      ->allow_extra_args(false);
  app.add_option("--after-any", w.after_any, "jobs that must end first, however")
      ->delimiter(',')
      ->allow_extra_args(false);
  app.add_option("--on-failed-dependency", w.on_failed_dependency,
                 "when one of --after does not succeed: fail (default), or skip");
  app.add_option("--group", w.group, "concurrency group of the tenant");
  app.add_option("--group-limit", w.group_limit, "most of the group at once (default 1)");
  app.add_option("--max-cost,--max-cost-usd", w.max_cost,
                 "USD that all attempts together may cost; it is stopped there");
}

void add_submit_options(CLI::App& app, submit_words& w) {
  app.add_option("--stage", w.stage, "the stage to run (see nsai stages)");
  app.add_option("--options", w.options, "JSON, or @FILE");
  app.add_option("--set", w.set, "OPTION=VALUE of the stage")->allow_extra_args(false);
  app.add_option("--context", w.context, "@FILE with the context as JSON");
  app.add_option("--priority", w.priority, "realtime, interactive, batch or offline");
  app.add_option("--namespace", w.name_space, "");
  app.add_option("--kind", w.kind, "tool_call, training_step, inference, ...");
  app.add_option("--tag", w.tags, "")->allow_extra_args(false);
  app.add_option("--key", w.key, "the same key gives the same job");
  app.add_option("--unique", w.unique, "while a job with this word lives, it is the answer");
  app.add_option("--name", w.name, "of the job, or of what recurs");
  app.add_option("--cron", w.cron,
                 "minute, hour, day, month and weekday (UTC) at which it recurs; needs --name");
  app.add_option("--batch", w.batch,
                 "file with submissions, all or none; they may name each other");
  app.add_option("--array", w.array, "A-B[:STEP][%LIMIT]: one child an index");
  app.add_flag("--wait", w.wait, "wait for the end, as nsai await");
  app.add_option("--chdir", w.chdir, "working directory of the program (default: here)");
  app.add_option("--env", w.env, "K=V for the program")->allow_extra_args(false);
  app.add_option("--env-file", w.env_file, "file with K=V lines");
  app.add_option("--stdout", w.stdout_path, "file (%j job, %a attempt, %i index, %t tenant)");
  app.add_option("--stderr", w.stderr_path, "file, likewise");
  app.add_option("--launcher", w.launcher, "a launcher of the node's config");
  app.add_option("program", w.program, "after --: a program and its arguments");
}

/// JSON given directly or as @FILE.
json read_json_argument(std::string const& text, char const* name) {
  if (!text.empty() && text.front() == '@')
    return stages::read_document(text.substr(1));
  return stages::parse_document(text, name);
}

template <named_enum E>
E parse_name(std::string const& text, char const* field) {
  E value{};
  try {
    read_json(json(text), value);
  } catch (shape_error const& e) {
    throw e.inside(field);
  }
  return value;
}

milli parse_milli(std::string const& text, char const* field) {
  auto const value = json::parse(text, nullptr, false);
  if (!value.is_number())
    throw shape_error(field, "\"" + text.substr(0, 60) + "\" is not allowed", "a number");
  return value.get<milli>();
}

micro parse_usd(std::string const& text, char const* field) {
  auto const value = json::parse(text, nullptr, false);
  if (!value.is_number())
    throw shape_error(field, "\"" + text.substr(0, 60) + "\" is not allowed", "a number of USD");
  return value.get<micro>();
}

resources resources_of(submit_words const& w) {
  resources r;
  if (!w.cpu.empty())
    r.cpu = parse_milli(w.cpu, "resources.cpu");
  if (!w.memory.empty())
    r.memory_mb = parse_size_mb(w.memory, "resources.memory_mb");
  r.gpu = w.gpu;
  if (w.gpus)
    r.gpu_count = *w.gpus;
  if (!w.gpu_memory.empty())
    r.gpu_memory_mb = parse_size_mb(w.gpu_memory, "resources.gpu_memory_mb");
  if (!w.gpu_share.empty())
    r.gpu_share = parse_milli(w.gpu_share, "resources.gpu_share");
  for (auto const& label : w.node_labels)
    r.node_labels.insert(parse_pair(label, "resources.node_labels"));
  return r;
}

constraints constraints_of(submit_words const& w) {
  constraints c;
  c.preemptible = w.preemptible;
  if (!w.estimate.empty())
    c.estimated_duration_ms = parse_duration_ms(w.estimate, "constraints.estimated_duration_ms");
  if (!w.timeout.empty())
    c.timeout_ms = parse_duration_ms(w.timeout, "constraints.timeout_ms");
  if (w.max_retries)
    c.max_retries = w.max_retries;
  if (!w.retry_backoff.empty())
    c.retry_backoff_ms = parse_duration_ms(w.retry_backoff, "constraints.retry_backoff_ms");
  if (!w.backoff.empty())
    c.backoff = parse_name<backoff_kind>(w.backoff, "constraints.backoff");
  if (!w.grace.empty())
    c.grace_ms = parse_duration_ms(w.grace, "constraints.grace_ms");
  if (!w.stop_signal.empty())
    c.stop_signal = w.stop_signal.rfind("SIG", 0) == 0 ? w.stop_signal : "SIG" + w.stop_signal;
  if (!w.deadline.empty())
    c.deadline = parse_when(w.deadline, "constraints.deadline");
  if (!w.not_before.empty())
    c.not_before = parse_when(w.not_before, "constraints.not_before");
  for (auto const& job : w.after)
    c.depends_on.push_back(parse_job(job, "constraints.depends_on"));
  for (auto const& job : w.after_any)
    c.after_any.push_back(parse_job(job, "constraints.after_any"));
  if (!w.on_failed_dependency.empty())
    c.on_failed_dependency =
        parse_name<dependency_rule>(w.on_failed_dependency, "constraints.on_failed_dependency");
  if (!w.max_cost.empty())
    c.max_cost_usd = parse_usd(w.max_cost, "constraints.max_cost_usd");
  c.concurrency_group = w.group;
  if (w.group_limit)
    c.max_concurrent_in_group = *w.group_limit;
  return c;
}

json command_options(submit_words const& w) {
  json options{{"argv", w.program}};
  options["chdir"] = w.chdir.empty() ? fs::current_path().string() : fs::absolute(w.chdir).string();
  json env = json::object();
  if (!w.env_file.empty()) {
    std::ifstream in{w.env_file};
    if (!in)
      throw shape_error("env-file", "\"" + w.env_file + "\" cannot be read",
                        "a file with K=V lines");
    for (std::string line; std::getline(in, line);)
      if (!line.empty() && line.front() != '#') {
        auto const [name, value] = parse_pair(line, "env-file");
        env[name] = value;
      }
  }
  for (auto const& pair : w.env) {
    auto const [name, value] = parse_pair(pair, "env");
    env[name] = value;
  }
  options["env"] = env;
  for (auto const& [name, value] :
       {std::pair{"stdout", w.stdout_path}, std::pair{"stderr", w.stderr_path},
        std::pair{"launcher", w.launcher}})
    if (!value.empty())
      options[name] = value;
  return options;
}

/// An option that would do nothing is refused, so that nobody believes it did.
void refuse_pointless(submit_words const& w, bool is_command) {
  if (is_command && !w.options.empty())
    throw shape_error("options", "a program was given, too", "--stage with --options");
  if (is_command)
    return;
  for (auto const& [name, given] :
       {std::pair{"chdir", !w.chdir.empty()}, std::pair{"env", !w.env.empty()},
        std::pair{"env-file", !w.env_file.empty()}, std::pair{"stdout", !w.stdout_path.empty()},
        std::pair{"stderr", !w.stderr_path.empty()}, std::pair{"launcher", !w.launcher.empty()}})
    if (given)
      throw shape_error(name, "a stage was given, too", "-- PROGRAM ARGS with it");
}

submission submission_of(submit_words const& w) {
  submission s;
  bool const is_command = !w.program.empty();
  if (is_command == !w.stage.empty())
    throw shape_error(
        "stage",
        is_command ? "--stage and a program were given" : "neither a stage nor a program was given",
        "--stage NAME, or -- PROGRAM ARGS");
  refuse_pointless(w, is_command);
  s.owner = user_name();
  s.priority = parse_name<priority>(w.priority, "priority");
  if (!w.kind.empty())
    s.kind = parse_name<job_kind>(w.kind, "kind");
  s.name_space = w.name_space;
  s.tags = w.tags;
  s.key = w.key;
  s.unique = w.unique;
  s.name = w.name;
  s.resources = resources_of(w);
  s.constraints = constraints_of(w);
  s.nodes = w.nodes.value_or(1);
  if (!w.array.empty())
    s.array = parse_array(w.array);
  if (!w.context.empty())
    s.context = json_text::of(read_json_argument(w.context, "--context"));
  s.metadata = json_text::of({{"source", "cli"}});
  s.stage = is_command ? "command" : w.stage;
  json options = w.options.empty() ? json::object() : read_json_argument(w.options, "--options");
  if (is_command)
    options = command_options(w);
  s.options = json_text::of(options);
  return s;
}

/// --set values are read by the type that the stage describes.
void apply_sets(session& connection, submit_words const& w, submission& s) {
  if (w.set.empty())
    return;
  auto const described = value_of(connection->stages(s.stage));
  auto options = s.options.value();
  for (auto const& pair : w.set) {
    auto const [name, text] = parse_pair(pair, "set");
    auto value = stages::parse_option(described.front(), name, text);
    if (auto* fault = std::get_if<error_info>(&value))
      throw command_error(std::move(*fault));
    options[name] = std::get<json>(value);
  }
  s.options = json_text::of(options);
}

void show_submitted(output const& out, submit_result const& result) {
  bool const is_parent = result.children > 0;
  if (out.as_json) {
    json jobs = json::array();
    for (std::uint64_t i = 0; i < result.children; ++i)
      jobs.push_back(result.first_child.value + i);
    if (!is_parent)
      jobs.push_back(result.id.value);
    out.document({{"jobs", jobs}, {"parent", is_parent ? json(result.id) : json(nullptr)}});
    return;
  }
  // Of an array or a gang the parent alone: await, cancel, retry and logs take it for all.
  std::cout << result.id.value << '\n';
}

submit_result accepted(actors::result_or_error<submit_reply>&& reply) {
  auto result = value_of(std::move(reply)).results.at(0);
  if (result.error)
    throw command_error(*result.error);
  return result;
}

int submit_batch(submit_words const& w, global_options const& global) {
  if (!w.stage.empty() || !w.program.empty() || !w.cron.empty())
    throw shape_error("batch", "--stage, --cron or a program was given, too",
                      "all of that in the file");
  auto jobs = read_batch(w.batch, user_name());
  session connection{global};
  auto const reply = value_of(connection->submit_batch(std::move(jobs)));
  std::vector<error_info> faults;
  json numbers = json::array();
  std::vector<job_id> made;
  for (auto const& result : reply.results) {
    if (result.error && result.error->code != "batch_refused")
      faults.push_back(*result.error);
    made.push_back(result.id);
    numbers.push_back(result.id);
  }
  if (!faults.empty())
    throw command_error(faults);
  if (w.wait)
    return await_and_show(connection, global, made, 0);
  if (global.out.as_json)
    global.out.document({{"jobs", numbers}, {"parent", nullptr}});
  else
    for (auto const job : made)
      std::cout << job.value << '\n';
  return exit_done;
}

int submit(submit_words const& w, global_options const& global) {
  if (!w.cron.empty() && (w.name.empty() || w.wait))
    throw shape_error("cron", "it was given without --name or with --wait", "--name, no --wait");
  if (!w.batch.empty())
    return submit_batch(w, global);
  auto s = submission_of(w);
  session connection{global};
  apply_sets(connection, w, s);
  if (!w.cron.empty())
    return submit_recurring(connection, global, {w.name, w.cron, std::move(s)});
  auto const result = accepted(connection->submit({std::move(s)}));
  if (w.wait)
    return await_and_show(connection, global, {result.id}, 0);
  show_submitted(global.out, result);
  return exit_done;
}
}  // namespace

command submit_command() {
  return {"submit", "submit a stage job, or a program after --",
          "nsai submit --stage echo --set text=hi --wait",
          [](CLI::App& app, global_options& global) -> command_body {
            auto words = std::make_shared<submit_words>();
            add_submit_options(app, *words);
            add_resources(app, *words);
            add_constraints(app, *words);
            return [words, &global] { return submit(*words, global); };
          }};
}

command await_command() {
  struct await_words {
    std::vector<std::string> jobs;
    std::string timeout;
  };
  return {"await", "wait for the end of jobs", "nsai await 17 18 --timeout 10m",
          [](CLI::App& app, global_options& global) -> command_body {
            auto words = std::make_shared<await_words>();
            app.add_option("jobs", words->jobs, "numbers of jobs")->required();
            app.add_option("--timeout", words->timeout, "wait no longer than this");
            return [words, &global] {
              std::vector<job_id> jobs;
              for (auto const& job : words->jobs)
                jobs.push_back(parse_job(job));
              auto const limit =
                  words->timeout.empty()
                      ? 0
                      : std::max<std::int64_t>(1, parse_duration_ms(words->timeout, "timeout"));
              session connection{global};
              return await_and_show(connection, global, jobs, limit);
            };
          }};
}

}  // namespace nsai::node
