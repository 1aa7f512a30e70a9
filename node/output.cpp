#include "node/output.hpp"

#include <cstdio>
#include <iostream>

#include <fmt/format.h>
#include <unistd.h>

#include "node/units.hpp"

namespace nsai::node {

int exit_code_of(error_info const& error) {
  if (error.category == "usage" || error.category == "not_found")
    return exit_usage;
  if (error.category == "unavailable")
    return exit_unreachable;
  if (error.category == "timeout")
    return exit_timed_out;
  return error.category == "refused" ? exit_refused : exit_job_failed;
}

void output::document(json const& value) const {
  std::cout << value.dump(-1, ' ', false, json::error_handler_t::replace) << '\n' << std::flush;
}

void output::say(std::string const& text) const {
  if (!quiet && !as_json)
    std::cout << text << '\n';
}

void output::table(std::vector<std::vector<std::string>> const& rows) const {
  std::vector<std::size_t> widths;
  for (auto const& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i)
      widths[i] = std::max(widths[i], row[i].size());
  }
  for (auto const& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i)
      line += i + 1 == row.size() ? row[i] : fmt::format("{:<{}}  ", row[i], widths[i]);
    while (!line.empty() && line.back() == ' ')
      line.pop_back();
    std::cout << line << '\n';
  }
}

void output::errors(std::vector<error_info> const& faults) const {
  if (as_json) {
    auto const& first = faults.front();
    json shown{{"category", first.category},
               {"code", first.code},
               {"message", first.message},
               {"field", write_json(first.field)}};
    if (first.retry_after_ms)
      shown["retry_after_ms"] = *first.retry_after_ms;
    json answer{{"error", shown}};
    if (faults.size() > 1) {
      answer["errors"] = json::array();
      for (auto const& fault : faults)
        answer["errors"].push_back(json(fault));
    }
    document(answer);
    return;
  }
  for (auto const& fault : faults)
    std::cerr << "nsai: " << escaped(fault.message) << '\n';
}

void output::progress(std::string const& text) const {
  if (!as_json && !quiet && ::isatty(STDERR_FILENO) == 1)
    std::cerr << "\r\033[K" << text << std::flush;
}

std::string progress_bar(milli fraction) {
  constexpr int width = 24;
  auto const full =
      static_cast<std::size_t>(std::clamp<std::int64_t>(fraction.value, 0, 1000) * width / 1000);
  return fmt::format("[{}{}] {:3d} %", std::string(full, '#'), std::string(width - full, '.'),
                     fraction.value / 10);
}

void output::end_progress() const {
  progress("");
}

std::string escaped(std::string const& text) {
  std::string safe;
  for (unsigned char const c : text) {
    if ((c < 0x20 && c != '\n' && c != '\t') || c == 0x7f)
      safe += fmt::format("\\x{:02x}", c);
    else
      safe += static_cast<char>(c);
  }
  return safe;
}

namespace {

std::string show_needs(resources const& r) {
  auto text = fmt::format("cpu {}", json(r.cpu).dump());
  if (r.memory_mb > 0)
    text += ", memory " + show_size(r.memory_mb);
  if (r.gpu_count > 0)
    text += fmt::format(", {} GPU{} {}", r.gpu_count, r.gpu_count == 1 ? "" : "s",
                        r.gpu.empty() ? "of any model" : r.gpu);
  if (r.gpu_memory_mb > 0)
    text += " with " + show_size(r.gpu_memory_mb);
  if (r.gpu_share.value < 1000)
    text += ", share " + json(r.gpu_share).dump();
  return text;
}

/// A text for people: not more than a screenful of it.
std::string beginning_of(std::string const& text) {
  constexpr std::size_t most = 2000;
  if (text.size() <= most)
    return text;
  auto end = most;  // not inside a UTF-8 sequence
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80)
    --end;
  return text.substr(0, end) + fmt::format(" ... ({} bytes; --json shows all)", text.size());
}

}  // namespace

std::string show_job(job_record const& job) {
  std::string text;
  auto const line = [&](char const* name, std::string const& value) {
    if (!value.empty())
      text += fmt::format("{:<12}{}\n", name, escaped(value));
  };
  line("job", std::to_string(job.id.value));
  line("stage", job.name.empty() ? job.stage : job.name + " (" + job.stage + ")");
  line("status", to_string(job.status));
  line("waits", job.wait_reason);
  line("tenant", job.tenant_id + " / " + job.name_space);
  line("priority", to_string(job.priority));
  line("needs", show_needs(job.resources));
  if (job.nodes)
    line("gang", job.rank ? fmt::format("rank {} of {}", *job.rank, *job.nodes)
                          : fmt::format("{} nodes, each with what it needs", *job.nodes));
  if (job.parent_id)
    line("parent", std::to_string(job.parent_id->value));
  line("node", job.node);
  line("worker", job.worker);
  for (auto const& device : job.devices)
    line("device", fmt::format("{} {}{} share {}", device.index, device.model,
                               device.is_virtual ? " (virtual)" : "",
                               json(milli{device.share_milli}).dump()));
  line("created", to_rfc3339(job.created_at));
  line("started", job.started_at ? to_rfc3339(job.started_at) : "");
  line("completed", job.completed_at ? to_rfc3339(job.completed_at) : "");
  line("attempt", job.attempt > 0 ? std::to_string(job.attempt) : "");
  if (job.attempts.size() > 1)
    for (auto const& attempt : job.attempts)
      line("", fmt::format("attempt {} on {}: {} after {}{}", attempt.number, attempt.node,
                           to_string(attempt.outcome), show_duration(attempt.duration_ms),
                           attempt.error ? ": " + attempt.error->message : ""));
  if (job.cost_usd && job.cost_usd->value > 0)
    line("cost",
         json(*job.cost_usd).dump() + " USD" +
             (job.constraints.max_cost_usd ? " of " + json(*job.constraints.max_cost_usd).dump()
                                           : ""));
  if (job.progress.fraction.value > 0 || !job.progress.text.empty())
    line("progress",
         fmt::format("{:.0f} % {}", static_cast<double>(job.progress.fraction.value) / 10,
                     job.progress.text));
  if (job.error)
    line("error", job.error->message);
  if (!job.result.empty())
    line("result", beginning_of(job.result.text));
  return text;
}

}  // namespace nsai::node
