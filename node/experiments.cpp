// nsai run, experiments, experiment, compare, artifacts
#include <algorithm>
#include <filesystem>
#include <iostream>
#include <map>
#include <set>

#include <fmt/format.h>

#include "node/cli.hpp"
#include "node/run_record.hpp"
#include "node/units.hpp"
#include "stages/experiment.hpp"
#include "stages/metrics_table.hpp"
#include "stages/resume.hpp"

namespace nsai::node {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t most_stages = 100'000;

std::vector<job_record> children_of(session& connection, global_options const& global,
                                    job_id parent) {
  list_jobs filter;
  filter.tenant_id = global.tenant;
  filter.experiment = std::to_string(parent.value);
  filter.limit = most_stages;
  auto list = value_of(connection->list(filter));
  std::erase_if(list, [&](job_record const& r) { return r.parent_id != parent; });
  std::sort(list.begin(), list.end(),
            [](job_record const& a, job_record const& b) { return a.id < b.id; });
  return list;
}

/// With options, context, result and artifacts.
std::vector<job_record> whole(session& connection, std::vector<job_record> const& records) {
  std::vector<job_id> ids;
  for (auto const& each : records)
    ids.push_back(each.id);
  return ids.empty() ? std::vector<job_record>{} : value_of(connection->get(ids));
}

/// The number of a run, or the id of an experiment: its latest run.
job_record find_run(session& connection, global_options const& global, std::string const& word) {
  bool const is_number = !word.empty() && word.size() < 19 &&
                         word.find_first_not_of("0123456789") == std::string::npos;
  if (is_number)
    return value_of(connection->get({parse_job(word)})).front();
  list_jobs filter;
  filter.tenant_id = global.tenant;
  filter.experiment = word;
  filter.kind = job_kind::composite;
  filter.limit = 1;
  auto const list = value_of(connection->list(filter));
  if (list.empty())
    throw command_error(
        error_of("not_found", "unknown_experiment",
                 "no run of an experiment \"" + word.substr(0, 80) + "\" is known"));
  return value_of(connection->get({list.front().id})).front();
}

std::string text_in(json const& object, char const* key) {
  auto const found = object.is_object() ? object.find(key) : object.end();
  return object.is_object() && found != object.end() && found->is_string()
             ? found->get<std::string>()
             : std::string{};
}

json metrics_in(job_record const& run) {
  auto const context = run.result.empty() ? json{} : run.result.value();
  return context.is_object() ? context.value("metrics", json{}) : json{};
}

json conflicts_in(job_record const& run) {
  auto const context = run.result.empty() ? json{} : run.result.value();
  auto const assigns = context.is_object() ? context.value("assigns", json{}) : json{};
  auto const found = assigns.is_object() ? assigns.value("conflicts", json{}) : json{};
  return found.is_array() ? found : json::array();
}

std::string number(json const& value) {
  if (value.is_null())
    return "-";
  return value.is_number_float() ? fmt::format("{:.4f}", value.get<double>()) : value.dump();
}

void show_metrics(output const& out, json const& metrics) {
  std::vector<std::vector<std::string>> rows{{"METRIC", "VALUE"}};
  for (auto const& m : stages::metrics_of(metrics)) {
    auto const text = !m.value     ? "-"
                      : m.is_count ? fmt::format("{:.0f}", *m.value)
                                   : fmt::format("{:.4f}", *m.value);
    rows.push_back({escaped(m.name), text});
  }
  if (rows.size() > 1)
    out.table(rows);
}

void show_conflicts(output const& out, json const& conflicts) {
  for (auto const& each : conflicts)
    if (each.is_object())
      out.say(fmt::format("the contexts of stages did not agree on {}: {} was kept, {} dropped",
                          escaped(text_in(each, "path")),
                          escaped(each.value("kept", json{}).dump()),
                          escaped(each.value("dropped", json{}).dump())));
}

/// Those of a run and of its stages, each once; a run that has failed has those of its stages.
json artifacts_of(std::vector<job_record> const& records) {
  json all = json::array();
  std::set<std::string> seen;
  std::map<std::uint64_t, std::string> nodes;
  for (auto const& record : records)
    nodes[record.id.value] = record.node;
  for (auto const& record : records)
    if (!record.artifacts.empty())
      for (auto const& each : record.artifacts.value())
        if (each.is_object() &&
            seen.insert(each.value("path", json{}).dump() + each.value("name", json{}).dump())
                .second)
          all.push_back(each);
  for (auto& each : all)
    if (auto const job = each.find("job"); job != each.end() && job->is_number_unsigned())
      each["node"] = nodes[job->get<std::uint64_t>()];
  return all;
}

struct run_words {
  std::string file, resume;
  std::vector<std::string> set;
  bool detach = false;
};

submission read_run(run_words const& w, session& connection) {
  auto document = stages::read_document(w.file);
  for (auto const& pair : w.set) {
    auto const [path, value] = parse_pair(pair, "set");
    stages::set_path(document, path, value);
  }
  auto const known = value_of(connection->stages());
  auto read = stages::experiment_from(document, fs::absolute(w.file).parent_path(), known);
  if (!read.faults.empty())
    throw command_error(read.faults);
  read.request.owner = user_name();
  return std::move(read.request);
}

void go_on_from(run_words const& w, session& connection, global_options const& global,
                submission& request) {
  auto const run = find_run(connection, global, w.resume);
  auto const names =
      stages::resume(request, run, whole(connection, children_of(connection, global, run.id)));
  if (auto const* fault = std::get_if<error_info>(&names))
    throw command_error(*fault);
  std::string list;
  for (auto const& name : std::get<std::vector<std::string>>(names))
    list += (list.empty() ? "" : ", ") + name;
  if (!w.detach)
    global.out.say(list.empty() ? fmt::format("nothing of run {} can be taken over", run.id.value)
                                : fmt::format("taken over from run {}: {}", run.id.value, list));
}

void show_progress(session& connection, global_options const& global, job_id run) {
  list_jobs running;
  running.tenant_id = global.tenant;
  running.experiment = std::to_string(run.value);
  running.statuses = {job_status::running};
  auto list = connection->list(running);
  if (auto* steps = std::get_if<std::vector<job_record>>(&list))
    for (auto const& step : *steps)
      if (step.parent_id == run)
        global.out.progress(fmt::format("{} on {} {} {}", step.name, step.node,
                                        progress_bar(step.progress.fraction),
                                        escaped(step.progress.text)));
}

int show_end(run_words const& w, global_options const& global, job_record const& run) {
  if (run.status != job_status::succeeded) {
    auto fault = run.error.value_or(
        error_of("stage", "run_" + to_string(run.status),
                 fmt::format("run {} ended as {}", run.id.value, to_string(run.status))));
    fault.message += fmt::format(
        " (nsai experiment {0} shows its stages, nsai run {1} --resume {0} "
        "goes on after those that have succeeded)",
        run.id.value, w.file);
    throw command_error(fault);
  }
  auto const context = run.result.value();
  if (global.out.as_json) {
    global.out.document(context);
    return exit_done;
  }
  global.out.say(fmt::format("run {} succeeded", run.id.value));
  show_metrics(global.out, metrics_in(run));
  show_conflicts(global.out, conflicts_in(run));
  for (auto const& artifact : context.value("artifacts", json::array()))
    global.out.say("artifact " + escaped(text_in(artifact, "path")));
  return exit_done;
}

int run_experiment(run_words const& w, global_options const& global) {
  session connection{global};
  auto request = read_run(w, connection);
  if (!w.resume.empty())
    go_on_from(w, connection, global, request);
  auto const made = value_of(connection->submit({std::move(request)})).results.at(0);
  if (made.error)
    throw command_error(*made.error);
  if (w.detach) {
    json jobs = json::array();
    for (std::uint64_t i = 0; i < made.children; ++i)
      jobs.push_back(made.first_child.value + i);
    if (global.out.as_json)
      global.out.document({{"jobs", jobs}, {"parent", made.id}});
    else
      std::cout << made.id.value << '\n';
    return exit_done;
  }
  auto const tick = [&] { show_progress(connection, global, made.id); };
  auto const records = value_of(connection->await({made.id}, std::chrono::milliseconds{0}, tick));
  global.out.end_progress();
  return show_end(w, global, records.front());
}

struct experiments_words {
  std::string id;
  std::int64_t limit = 50;
};

std::string took(job_record const& r) {
  auto const begin = r.started_at ? r.started_at : r.created_at;
  return r.completed_at
             ? fmt::format("{:.1f} s", static_cast<double>(r.completed_at - begin) / 1000)
             : std::string{};
}

int list_experiments(experiments_words const& w, global_options const& global) {
  if (w.limit < 1 || w.limit > 1'000'000)
    throw shape_error("limit", std::to_string(w.limit) + " is not allowed", "1 to 1000000");
  session connection{global};
  list_jobs filter;
  filter.tenant_id = global.tenant;
  filter.experiment = w.id;
  filter.kind = job_kind::composite;
  filter.limit = w.limit;
  auto const runs = value_of(connection->list(filter));
  if (global.out.as_json) {
    global.out.document(write_json(runs));
    return exit_done;
  }
  std::vector<std::vector<std::string>> rows{
      {"RUN", "STATUS", "EXPERIMENT", "NAME", "TYPE", "CREATED", "TOOK", "RESUMES"}};
  for (auto const& run : runs) {
    auto const about = run.metadata.empty() ? json{} : run.metadata.value();
    rows.push_back({std::to_string(run.id.value), to_string(run.status),
                    escaped(text_in(about, "experiment_id")),
                    escaped(text_in(about, "experiment_name")),
                    escaped(text_in(about, "experiment_type")), to_rfc3339(run.created_at),
                    took(run), run.retry_of ? std::to_string(run.retry_of->value) : ""});
  }
  global.out.table(rows);
  return exit_done;
}

std::string remark_on(job_record const& stage) {
  if (stage.error)
    return stage.error->message;
  if (stage.retry_of && stage.status == job_status::succeeded && stage.attempt == 0)
    return fmt::format("taken over from job {}", stage.retry_of->value);
  return stage.status == job_status::running ? stage.progress.text : stage.wait_reason;
}

int show_experiment(std::string const& word, global_options const& global) {
  session connection{global};
  auto const run = find_run(connection, global, word);
  auto const stages = whole(connection, children_of(connection, global, run.id));
  auto records = stages;
  records.push_back(run);
  auto const artifacts = artifacts_of(records);
  if (global.out.as_json) {
    global.out.document(
        write_json(run_record{run, stages, metrics_in(run), conflicts_in(run), artifacts}));
    return exit_done;
  }
  auto const about = run.metadata.empty() ? json{} : run.metadata.value();
  auto const name = text_in(about, "experiment_name");
  auto const id = text_in(about, "experiment_id");
  global.out.say(fmt::format("run {} of {}: {}", run.id.value,
                             escaped(name.empty() ? id : name + " (" + id + ")"),
                             to_string(run.status)));
  if (run.retry_of)
    global.out.say(fmt::format("goes on from run {}", run.retry_of->value));
  std::vector<std::vector<std::string>> rows{
      {"STAGE", "JOB", "STATUS", "RUNS", "NODE", "ATTEMPT", "TOOK", ""}};
  for (auto const& each : stages)
    rows.push_back({escaped(each.name), std::to_string(each.id.value), to_string(each.status),
                    each.stage, each.node, std::to_string(each.attempt), took(each),
                    escaped(remark_on(each))});
  global.out.table(rows);
  show_metrics(global.out, metrics_in(run));
  show_conflicts(global.out, conflicts_in(run));
  for (auto const& artifact : artifacts)
    global.out.say("artifact " + escaped(text_in(artifact, "path")));
  return exit_done;
}

int compare(std::vector<std::string> const& words, global_options const& global) {
  session connection{global};
  auto const a = find_run(connection, global, words.at(0));
  auto const b = find_run(connection, global, words.at(1));
  for (auto const& run : {a, b})
    if (!metrics_in(run).is_object())
      throw command_error(error_of("refused", "no_metrics",
                                   fmt::format("run {} has no metrics: it is {}; expected an "
                                               "experiment that has succeeded",
                                               run.id.value, to_string(run.status))));
  auto const pairs = stages::compare_metrics(metrics_in(a), metrics_in(b));
  if (global.out.as_json) {
    global.out.document(write_json(run_comparison{a.id, b.id, pairs}));
    return exit_done;
  }
  std::vector<std::vector<std::string>> rows{
      {"METRIC", fmt::format("RUN {}", a.id.value), fmt::format("RUN {}", b.id.value), "CHANGE"}};
  for (auto const& each : pairs) {
    auto change = number(each.difference);
    if (each.difference.is_number() && each.difference > 0)
      change = "+" + change;
    rows.push_back(
        {escaped(each.name), number(each.a), number(each.b), each.difference == 0 ? "=" : change});
  }
  global.out.table(rows);
  return exit_done;
}

int show_artifacts(std::string const& word, global_options const& global) {
  session connection{global};
  auto const run = find_run(connection, global, word);
  auto records = whole(connection, children_of(connection, global, run.id));
  records.push_back(run);
  auto const artifacts = artifacts_of(records);
  if (global.out.as_json) {
    global.out.document(artifacts);
    return exit_done;
  }
  std::vector<std::vector<std::string>> rows{
      {"ARTIFACT", "KIND", "BYTES", "SHA-256", "JOB", "NODE", "PATH"}};
  for (auto const& each : artifacts) {
    auto const plain = [&](char const* key) {
      auto const value = each.value(key, json{});
      return value.is_null() ? std::string{} : value.is_string() ? escaped(value) : value.dump();
    };
    rows.push_back({plain("name"), plain("kind"), plain("bytes"), plain("sha256").substr(0, 16),
                    plain("job"), plain("node"), plain("path")});
  }
  global.out.table(rows);
  return exit_done;
}

}  // namespace

std::vector<command> experiment_commands() {
  auto const on_run = [](auto body) {
    return [body](CLI::App& app, global_options& global) -> command_body {
      auto word = std::make_shared<std::string>();
      app.add_option("run", *word, "number of a run, or id of an experiment: its latest")
          ->required();
      return [word, body, &global] { return body(*word, global); };
    };
  };
  return {
      {"run", "run an experiment file", "nsai run examples/experiments/claim_verification.json",
       [](CLI::App& app, global_options& global) -> command_body {
         auto words = std::make_shared<run_words>();
         app.add_option("file", words->file, "the experiment")->required();
         app.add_option("--set", words->set, "PATH=VALUE in the file")->allow_extra_args(false);
         app.add_flag("--detach", words->detach, "print the run's number and return");
         app.add_option("--resume", words->resume,
                        "a run that did not succeed: its stages that did are taken over");
         return [words, &global] { return run_experiment(*words, global); };
       }},
      {"experiments", "list runs of experiments, newest first", "nsai experiments --limit 20",
       [](CLI::App& app, global_options& global) -> command_body {
         auto words = std::make_shared<experiments_words>();
         app.add_option("id", words->id, "only the runs of this experiment");
         app.add_option("--limit", words->limit, "default 50");
         return [words, &global] { return list_experiments(*words, global); };
       }},
      {"experiment", "a run with its stages, metrics and artifacts", "nsai experiment 17",
       on_run(show_experiment)},
      {"compare", "the metrics of two runs side by side", "nsai compare 17 23",
       [](CLI::App& app, global_options& global) -> command_body {
         auto words = std::make_shared<std::vector<std::string>>();
         app.add_option("runs", *words, "two runs")->required()->expected(2);
         return [words, &global] { return compare(*words, global); };
       }},
      {"artifacts", "the files that a run or a job has left", "nsai artifacts 17",
       on_run(show_artifacts)},
  };
}

}  // namespace nsai::node
