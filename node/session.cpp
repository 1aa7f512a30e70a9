#include <iostream>

#include <fmt/format.h>

#include "node/access.hpp"
#include "node/cli.hpp"
#include "node/units.hpp"

namespace nsai::node {
namespace {

actors::client_options options_of(global_options const& global) {
  actors::client_options options;
  options.scheduler = actors::parse_endpoint(global.scheduler);
  if (!is_name(global.tenant))
    throw shape_error("tenant", "\"" + global.tenant.substr(0, 80) + "\" is not allowed",
                      "1 to 64 of A-Z a-z 0-9 . _ -, beginning with a letter or a digit");
  options.tenant = global.tenant;
  options.pause_limit = std::chrono::milliseconds{0};  // whoever types or scripts decides on that
  options.secret = find_secret(global.secret_file, options.scheduler.port);
  return options;
}

std::string progress_line(std::vector<job_record> const& jobs) {
  std::size_t ended = 0;
  std::string text;
  for (auto const& job : jobs) {
    if (is_terminal(job.status)) {
      ++ended;
      continue;
    }
    if (text.empty())
      text = escaped(job.progress.text.empty() ? job.wait_reason : job.progress.text);
  }
  if (jobs.size() > 1) {
    auto const part = static_cast<std::int64_t>(1000 * ended / jobs.size());
    return fmt::format("{} {} of {} ended; {}", progress_bar({part}), ended, jobs.size(), text);
  }
  auto const& job = jobs.front();
  auto const bar = job.progress.fraction.value > 0 ? progress_bar(job.progress.fraction) + " " : "";
  return fmt::format("{} {}{}", to_string(job.status), bar, text);
}

}  // namespace

session::session(global_options const& global)
    : config_(1), system_(config_), client_(system_, options_of(global)) {
  want_done(client_.connect());
}

void want_done(std::optional<error_info> const& error) {
  if (error)
    throw command_error(*error);
}

int await_and_show(session& s, global_options const& global, std::vector<job_id> const& jobs,
                   std::int64_t limit_ms) {
  constexpr std::size_t most_shown = 100;
  auto const& out = global.out;
  auto const tick = [&] {
    if (jobs.size() > most_shown)
      return;
    auto records = s->get(jobs);
    if (auto* list = std::get_if<std::vector<job_record>>(&records))
      out.progress(progress_line(*list));
  };
  auto result = s->await(jobs, std::chrono::milliseconds{limit_ms}, tick);
  out.end_progress();
  auto const records = value_of(std::move(result));
  bool all_succeeded = true;
  for (auto const& job : records)
    all_succeeded = all_succeeded && job.status == job_status::succeeded;
  if (out.as_json) {
    out.document(write_json(records));
  } else {
    for (auto const& job : records) {
      std::cout << fmt::format("job {} {}", job.id.value, to_string(job.status));
      if (!job.result.empty())
        std::cout << " " << escaped(job.result.text);
      std::cout << '\n';
      if (job.error)
        std::cerr << "nsai: job " << job.id.value << ": " << escaped(job.error->message) << '\n';
    }
  }
  return all_succeeded ? exit_done : exit_job_failed;
}

}  // namespace nsai::node
