// nsai job, jobs, cancel, retry, logs, explain, trace
#include <chrono>
#include <fstream>
#include <iostream>
#include <set>
#include <thread>

#include <fmt/format.h>
#include <unistd.h>

#include "node/cli.hpp"
#include "node/trace.hpp"
#include "node/units.hpp"

namespace nsai::node {
namespace {

std::vector<job_id> parse_jobs(std::vector<std::string> const& words) {
  std::vector<job_id> jobs;
  for (auto const& word : words)
    jobs.push_back(parse_job(word));
  return jobs;
}

struct list_words {
  std::string name_space, experiment;
  std::vector<std::string> statuses;
  std::int64_t limit = 100;
  bool all_tenants = false;
};

int show_jobs(list_words const& w, global_options const& global) {
  list_jobs filter;
  filter.tenant_id = w.all_tenants ? "" : global.tenant;
  filter.name_space = w.name_space;
  filter.experiment = w.experiment;
  if (w.limit < 1 || w.limit > 1'000'000)
    throw shape_error("limit", std::to_string(w.limit) + " is not allowed", "1 to 1000000");
  filter.limit = w.limit;
  for (auto const& name : w.statuses) {
    job_status status{};
    try {
      read_json(json(name), status);
    } catch (shape_error const& e) {
      throw e.inside("status");
    }
    filter.statuses.push_back(status);
  }
  session connection{global};
  auto const jobs = value_of(connection->list(filter));
  if (global.out.as_json) {
    global.out.document(write_json(jobs));
    return exit_done;
  }
  std::vector<std::vector<std::string>> rows{
      {"JOB", "STATUS", "STAGE", "TENANT", "NAMESPACE", "NODE", "ATTEMPT", "CREATED", ""}};
  for (auto const& job : jobs)
    rows.push_back({std::to_string(job.id.value), to_string(job.status),
                    job.name.empty() ? job.stage : job.name, job.tenant_id, job.name_space,
                    job.node, std::to_string(job.attempt), to_rfc3339(job.created_at),
                    escaped(job.wait_reason)});
  global.out.table(rows);
  return exit_done;
}

int show_one(std::string const& word, global_options const& global) {
  auto const job = parse_job(word);
  session connection{global};
  auto const records = value_of(connection->get({job}));
  if (global.out.as_json)
    global.out.document(json(records.front()));
  else
    std::cout << show_job(records.front());
  return exit_done;
}

int explain(std::string const& word, global_options const& global) {
  auto const job = parse_job(word);
  session connection{global};
  auto const why = value_of(connection->explain(job));
  if (global.out.as_json)
    global.out.document(json(why));
  else
    show_explanation(why, wall_clock_now(), global.out);
  return exit_done;
}

bool is_of_the_job(error_info const& fault) {
  return fault.category == "refused" || fault.category == "not_found";
}

/// One by one, after all of them together were refused: those that can be are canceled.
std::optional<error_info> cancel_each(session& connection, std::vector<job_id> const& jobs) {
  constexpr std::size_t most_shown = 5;
  std::vector<error_info> refused;
  for (auto const job : jobs)
    if (auto fault = connection->cancel({job})) {
      if (!is_of_the_job(*fault))
        return fault;
      refused.push_back(std::move(*fault));
    }
  if (refused.empty())
    return std::nullopt;
  auto all = refused.front();
  all.message = std::to_string(refused.size()) + " of " + std::to_string(jobs.size()) +
                " jobs were not canceled: ";
  for (std::size_t i = 0; i < std::min(refused.size(), most_shown); ++i)
    all.message += (i == 0 ? "" : "; ") + refused[i].message;
  if (refused.size() > most_shown)
    all.message += "; and " + std::to_string(refused.size() - most_shown) + " more";
  return all;
}

int cancel(std::vector<std::string> const& words, global_options const& global) {
  auto const jobs = parse_jobs(words);
  session connection{global};
  auto fault = connection->cancel(jobs);
  if (fault && is_of_the_job(*fault) && jobs.size() > 1)
    fault = cancel_each(connection, jobs);
  want_done(fault);
  if (global.out.as_json)
    global.out.document({{"jobs", write_json(jobs)}});
  return exit_done;
}

struct trace_words {
  std::vector<std::string> jobs;
  std::string out;
};

/// The jobs with the children of those that are parents, oldest first.
std::vector<job_id> with_children(session& connection, global_options const& global,
                                  std::vector<job_id> const& jobs) {
  std::set<job_id> all;
  for (auto const job : jobs) {
    all.insert(job);
    list_jobs filter;
    filter.tenant_id = global.tenant;
    filter.experiment = std::to_string(job.value);
    filter.limit = 1'000'000;
    for (auto const& child : value_of(connection->list(filter)))
      all.insert(child.id);
  }
  return {all.begin(), all.end()};
}

int write_trace(trace_words const& w, global_options const& global) {
  auto const jobs = parse_jobs(w.jobs);
  session connection{global};
  auto const records = value_of(connection->get(with_children(connection, global, jobs)));
  auto const trace = trace_of(records, wall_clock_now());
  std::ofstream file{w.out, std::ios::binary};
  file << trace.dump(-1, ' ', false, json::error_handler_t::replace) << '\n';
  file.close();
  if (!file)
    throw command_error(usage_error("out", "\"" + w.out + "\" cannot be written",
                                    "a file in a folder that exists and may be written"));
  if (global.out.as_json)
    global.out.document({{"jobs", records.size()}, {"out", w.out}});
  else
    global.out.say(fmt::format("{} jobs in {}; open it at ui.perfetto.dev or chrome://tracing",
                               records.size(), w.out));
  return exit_done;
}

int retry(std::vector<std::string> const& words, global_options const& global) {
  auto const jobs = parse_jobs(words);
  session connection{global};
  auto const reply = value_of(connection->retry(jobs));
  json made = json::array();
  for (auto const& result : reply.results) {
    if (result.error)
      throw command_error(*result.error);
    made.push_back(result.id);
    if (!global.out.as_json)
      std::cout << result.id.value << '\n';
  }
  if (global.out.as_json)
    global.out.document({{"jobs", made}, {"parent", nullptr}});
  return exit_done;
}

struct log_words {
  std::string job;
  bool follow = false;
  attempt_no attempt = 0;
};

/// Copies one attempt's log to stdout; returns when it is complete (or, without follow, when all
/// was read).
void copy_log(session& connection, job_id job, log_words const& w, global_options const& global) {
  std::int64_t offset = 0;
  while (true) {
    auto const chunk = value_of(connection->log(job, w.attempt, offset));
    if (global.out.as_json) {
      if (!chunk.bytes.empty() || !w.follow)
        global.out.document(json(chunk));
    } else {
      // A terminal would obey what a job wrote; a file or a pipe gets the bytes as they are.
      std::cout << (::isatty(STDOUT_FILENO) == 1 ? escaped(chunk.bytes) : chunk.bytes)
                << std::flush;
    }
    bool const moved = chunk.next_offset > offset;
    offset = chunk.next_offset;
    if (chunk.complete || (!w.follow && !moved))
      return;
    if (!moved)
      std::this_thread::sleep_for(std::chrono::milliseconds{200});
  }
}

int show_logs(log_words const& w, global_options const& global) {
  auto const job = parse_job(w.job);
  session connection{global};
  auto const record = value_of(connection->get({job})).front();
  bool const is_gang = record.nodes > 1 && !record.rank;
  if (record.kind != job_kind::composite && !is_gang && !record.array_index && record.stage != "" &&
      record.node.empty() && is_terminal(record.status))
    return exit_done;
  list_jobs children;
  children.tenant_id = global.tenant;
  children.experiment = std::to_string(job.value);
  children.limit = 1'000'000;
  auto list = value_of(connection->list(children));
  if (list.size() < 2) {
    copy_log(connection, job, w, global);
    return exit_done;
  }
  std::reverse(list.begin(), list.end());
  for (auto const& child : list) {
    if (child.id == job)
      continue;
    if (!global.out.as_json && !global.out.quiet)
      std::cout << fmt::format("==> job {} <==\n", child.id.value);
    copy_log(connection, child.id, w, global);
  }
  return exit_done;
}

}  // namespace

std::vector<command> job_commands() {
  auto const on_one = [](auto body) {
    return [body](CLI::App& app, global_options& global) -> command_body {
      auto word = std::make_shared<std::string>();
      app.add_option("job", *word, "number of a job")->required();
      return [word, body, &global] { return body(*word, global); };
    };
  };
  auto const on_many = [](auto body) {
    return [body](CLI::App& app, global_options& global) -> command_body {
      auto words = std::make_shared<std::vector<std::string>>();
      app.add_option("jobs", *words, "numbers of jobs")->required();
      return [words, body, &global] { return body(*words, global); };
    };
  };
  return {
      {"job", "the record of a job", "nsai job 17", on_one(show_one)},
      {"explain", "why a job waits", "nsai explain 17", on_one(explain)},
      {"cancel", "cancel jobs", "nsai cancel 17 18", on_many(cancel)},
      {"retry", "new jobs like ended, unsuccessful ones", "nsai retry 17", on_many(retry)},
      {"jobs", "list jobs, newest first", "nsai jobs --status running --limit 20",
       [](CLI::App& app, global_options& global) -> command_body {
         auto words = std::make_shared<list_words>();
         app.add_option("--namespace", words->name_space, "");
         app.add_option("--status", words->statuses, "may be repeated")->allow_extra_args(false);
         app.add_option("--experiment", words->experiment, "its id, or the number of its run");
         app.add_option("--limit", words->limit, "default 100");
         app.add_flag("--all-tenants", words->all_tenants, "");
         return [words, &global] { return show_jobs(*words, global); };
       }},
      {"trace", "a timeline of jobs for Perfetto", "nsai trace 17 --out trace.json",
       [](CLI::App& app, global_options& global) -> command_body {
         auto words = std::make_shared<trace_words>();
         app.add_option("jobs", words->jobs, "numbers of jobs; of a parent, its children, too")
             ->required();
         app.add_option("--out", words->out, "the file to write")->required();
         return [words, &global] { return write_trace(*words, global); };
       }},
      {"logs", "what a job wrote", "nsai logs 17 --follow",
       [](CLI::App& app, global_options& global) -> command_body {
         auto words = std::make_shared<log_words>();
         app.add_option("job", words->job, "number of a job")->required();
         app.add_flag("--follow", words->follow, "until the attempt ends");
         app.add_option("--attempt", words->attempt, "default: the latest");
         return [words, &global] { return show_logs(*words, global); };
       }},
  };
}

}  // namespace nsai::node
