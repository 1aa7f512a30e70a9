// nsai simulate run
#include <chrono>
#include <filesystem>

#include <fmt/format.h>

#include "node/simulate.hpp"
#include "node/units.hpp"
#include "simulation/driver.hpp"
#include "simulation/report.hpp"
#include "simulation/timeline_svg.hpp"
#include "stages/experiment.hpp"

namespace nsai::node {
namespace {

using namespace simulation;

struct simulate_words {
  std::string cluster, workload;
  std::string policy = "balanced";
  std::uint64_t seed = 1;
  std::vector<std::string> add;
  std::string svg;
  std::int64_t forecasts = 50;
};

/// The faults of a file, each with its name.
void want_none(std::vector<error_info> faults, std::string const& file) {
  if (faults.empty())
    return;
  for (auto& fault : faults)
    if (!fault.message.starts_with(file + ":"))
      fault.message = file + ": " + fault.message;
  throw command_error(std::move(faults));
}

cluster_description cluster_from(std::string const& file) {
  cluster_description cluster;
  want_none(read_cluster(stages::read_document(file), cluster), file);
  return cluster;
}

workload workload_from(std::string const& file) {
  workload jobs;
  want_none(read_workload(read_text(file), file, jobs), file);
  return jobs;
}

struct played {
  history what;
  simulation::report report;
};

played play_timed(cluster_description const& cluster, workload const& jobs,
                  play_settings const& settings) {
  auto const begin = std::chrono::steady_clock::now();
  played p{play(cluster, jobs, settings), {}};
  std::chrono::duration<double> const took = std::chrono::steady_clock::now() - begin;
  p.report = report_of(p.what);
  p.report.events_per_s = static_cast<std::int64_t>(static_cast<double>(p.report.events) /
                                                    std::max(1e-9, took.count()));
  return p;
}

std::string percent(micro part) {
  return fmt::format("{:.1f} %", static_cast<double>(part.value) / 1e4);
}
std::string wait(std::optional<milli> w) {
  return w ? show_duration(w->value) : "-";
}
std::string ratio(micro x) {
  return fmt::format("{:.3f}", static_cast<double>(x.value) / 1e6);
}

std::string size_of(simulation::report const& r) {
  return fmt::format("{} nodes, {} GPUs, {} cores", r.cluster.nodes, r.cluster.gpus,
                     json(r.cluster.cpus).dump());
}

void show_groups(simulation::report const& r, output const& out) {
  std::vector<std::vector<std::string>> rows{
      {"TENANT", "WEIGHT", "JOBS", "WAIT P50", "P90", "P99", "SHARE"}};
  for (auto const& [name, t] : r.tenants)
    rows.push_back({name, json(t.weight).dump(), std::to_string(t.jobs), wait(t.wait_s.p50),
                    wait(t.wait_s.p90), wait(t.wait_s.p99), percent(t.share)});
  out.table(rows);
  rows = {{"PRIORITY", "JOBS", "WAIT P50", "P90", "P99"}};
  for (auto level = priority::realtime; level <= priority::offline;
       level = static_cast<priority>(static_cast<int>(level) + 1))
    if (auto const at = r.priorities.find(to_string(level)); at != r.priorities.end())
      rows.push_back({at->first, std::to_string(at->second.jobs), wait(at->second.wait_s.p50),
                      wait(at->second.wait_s.p90), wait(at->second.wait_s.p99)});
  out.table(rows);
}

/// The figures of one run a column.
void show_figures(std::vector<std::pair<std::string, simulation::report const*>> const& runs,
                  output const& out) {
  std::vector<std::vector<std::string>> rows{{""}};
  for (auto const& run : runs)
    rows[0].push_back(run.first);
  auto const row = [&](char const* name, auto&& value) {
    rows.push_back({name});
    for (auto const& run : runs)
      rows.back().push_back(value(*run.second));
  };
  using r = simulation::report;
  row("cluster", [](r const& x) { return size_of(x); });
  row("makespan", [](r const& x) { return show_duration(x.makespan_s.value); });
  row("wait p50", [](r const& x) { return wait(x.wait_s.p50); });
  row("wait p90", [](r const& x) { return wait(x.wait_s.p90); });
  row("wait p99", [](r const& x) { return wait(x.wait_s.p99); });
  row("GPUs allocated", [](r const& x) { return percent(x.allocation.gpu); });
  row("cores allocated", [](r const& x) { return percent(x.allocation.cpu); });
  row("GPUs used well", [](r const& x) { return percent(x.utilisation.gpu); });
  row("cores used well", [](r const& x) { return percent(x.utilisation.cpu); });
  row("GPUs free but unusable", [](r const& x) { return percent(x.fragmentation); });
  row("fairness (1: all even)", [](r const& x) { return ratio(x.fairness_index); });
  row("forecasts made of asked",
      [](r const& x) { return fmt::format("{} of {}", x.forecasts.made, x.forecasts.asked); });
  row("forecast off by p50", [](r const& x) { return wait(x.forecasts.error_s.p50); });
  row("forecast off by p90", [](r const& x) { return wait(x.forecasts.error_s.p90); });
  row("preemptions", [](r const& x) { return std::to_string(x.preemptions); });
  out.table(rows);
}

void show_jobs_by_status(simulation::report const& r, output const& out) {
  std::string text;
  for (auto const& [status, count] : r.jobs)
    text += fmt::format("{}{} {}", text.empty() ? "jobs: " : ", ", count, status);
  out.say(text + fmt::format("; {} attempts", r.attempts));
  for (auto const& remark : r.remarks)
    out.say(escaped(remark));
}

std::string picture_title(simulate_words const& w) {
  auto title = std::filesystem::path{w.workload}.filename().string() + " on " +
               std::filesystem::path{w.cluster}.filename().string();
  for (auto const& each : w.add)
    title += " + " + each;
  return title;
}

int simulate_run(simulate_words const& w, global_options const& global) {
  play_settings const settings{policy_named(w.policy), w.seed, w.forecasts};
  auto cluster = cluster_from(w.cluster);
  auto const jobs = workload_from(w.workload);
  auto larger = cluster;
  for (auto const& each : w.add)
    add_nodes(larger, each);
  auto const with = play_timed(larger, jobs, settings);
  auto const without = w.add.empty() ? with : play_timed(cluster, jobs, settings);
  if (!w.svg.empty())
    write_text(w.svg, timeline_svg(with.what, picture_title(w)));
  auto const& out = global.out;
  if (out.as_json) {
    auto document = write_json(with.report);
    if (!w.add.empty()) {
      document["added"] = w.add;
      document["without"] = write_json(without.report);
    }
    out.document(document);
    return exit_done;
  }
  if (w.add.empty()) {
    show_figures({{"", &with.report}}, out);
  } else {
    std::string added;
    for (auto const& each : w.add)
      added += " " + each;
    show_figures({{"AS IT IS", &without.report}, {"WITH" + added, &with.report}}, out);
    out.say("\nAs it is:");
    show_groups(without.report, out);
    show_jobs_by_status(without.report, out);
    out.say("\nWith" + added + ":");
  }
  show_groups(with.report, out);
  show_jobs_by_status(with.report, out);
  return exit_done;
}

}  // namespace

command simulate_run_command() {
  return {"run", "play a workload against a described cluster in virtual time",
          "nsai simulate run --cluster examples/simulation/cluster.json "
          "--workload examples/simulation/workload.jsonl --add a100:4 --svg timeline.svg",
          [](CLI::App& app, global_options& global) -> command_body {
            auto w = std::make_shared<simulate_words>();
            app.add_option("--cluster", w->cluster, "JSON file: nodes and tenants")->required();
            app.add_option("--workload", w->workload,
                           "file with a job a line in JSON (from others: import-openb, "
                           "import-sacct)")
                ->required();
            app.add_option("--policy", w->policy,
                           "of placement: balanced, fgd, best_fit, packing, spread, cheapest, "
                           "random");
            app.add_option("--seed", w->seed, "equal seeds give equal results (1)");
            app.add_option("--add", w->add,
                           "NAME:COUNT, may be repeated: what if there were so many more nodes "
                           "like those called NAME in the cluster file (or with GPUs of that "
                           "model); both runs are shown")
                ->allow_extra_args(false);
            app.add_option("--forecasts", w->forecasts,
                           "of so many jobs, as they come, it is forecast when they start, to see "
                           "how far that is off (50)")
                ->check(CLI::Range(0, 100'000));
            app.add_option("--svg", w->svg, "file to write: a picture of the run over time");
            return [w, &global] { return simulate_run(*w, global); };
          }};
}

}  // namespace nsai::node
