// nsai simulate placement
#include <charconv>
#include <ctime>

#include <fmt/format.h>

#include "node/simulate.hpp"
#include "simulation/placement_benchmark.hpp"

namespace nsai::node {
namespace {

struct placement_words {
  std::string nodes, tasks;
  std::string policy = "balanced";
  std::string seeds = "42-51";
  double ratio = 1.3;
};

using seed_range = std::pair<std::uint64_t, std::uint64_t>;

/// "A-B" or "A".
seed_range parse_seeds(std::string const& text) {
  seed_range range;
  auto const* const end = text.data() + text.size();
  auto read = std::from_chars(text.data(), end, range.first);
  range.second = range.first;
  if (read.ec == std::errc{} && read.ptr != end && *read.ptr == '-')
    read = std::from_chars(read.ptr + 1, end, range.second);
  constexpr std::uint64_t most = 100'000;
  if (read.ec != std::errc{} || read.ptr != end || range.second < range.first ||
      range.second - range.first >= most)
    throw shape_error("seeds", "\"" + text.substr(0, 60) + "\" is not allowed",
                      "A-B, such as 42-51, no more than 100000 of them");
  return range;
}

double cpu_seconds() {
  timespec t{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

/// Figures at 100 % and at 130 % of arrivals and at the end, as far as arrivals came so far.
std::vector<std::int64_t> marks_of(double ratio) {
  std::vector<std::int64_t> marks;
  for (std::int64_t const mark : {std::int64_t{100}, std::int64_t{130}})
    if (static_cast<double>(mark) <= ratio * 100 + 0.5)
      marks.push_back(mark);
  auto const last = static_cast<std::int64_t>(ratio * 100 + 0.5);
  if (marks.empty() || marks.back() != last)
    marks.push_back(last);
  return marks;
}

/// Where few GPUs make each task many percent, arrivals may pass by a mark: what was allocated just
/// before holds there. Nothing: no task asked for a GPU.
std::optional<double> figure_at(std::map<std::int64_t, double> const& allocation,
                                std::int64_t mark) {
  auto const after = allocation.upper_bound(mark);
  if (after == allocation.begin() || allocation.rbegin()->first == 0)
    return std::nullopt;
  return std::prev(after)->second;
}

json placement_report(simulation::openb_trace const& trace, placement_words const& w,
                      seed_range seeds) {
  auto const policy = policy_named(w.policy);
  auto const marks = marks_of(w.ratio);
  std::map<std::int64_t, std::pair<double, std::int64_t>> sums;
  json by_seed = json::array();
  std::size_t decisions = 0;
  double seconds = 0;
  for (auto seed = seeds.first;; ++seed) {
    simulation::placement_benchmark benchmark{trace, policy, seed, w.ratio};
    auto const begin = cpu_seconds();
    auto const result = benchmark.play();
    seconds += cpu_seconds() - begin;
    decisions += result.decisions;
    json allocation = json::object();
    for (auto const mark : marks)
      if (auto const figure = figure_at(result.allocation, mark)) {
        allocation[std::to_string(mark)] = *figure;
        sums[mark].first += *figure;
        ++sums[mark].second;
      }
    by_seed.push_back({{"seed", seed}, {"allocation", allocation}, {"failed", result.failed}});
    if (seed == seeds.second)
      break;
  }
  json mean = json::object();
  for (auto const& [mark, of] : sums)
    mean[std::to_string(mark)] = of.first / static_cast<double>(of.second);
  return {{"policy", w.policy},
          {"seeds", by_seed},
          {"mean", mean},
          {"decisions_per_s",
           static_cast<std::int64_t>(static_cast<double>(decisions) / std::max(1e-9, seconds))}};
}

int simulate_placement(placement_words const& w, global_options const& global) {
  auto const seeds = parse_seeds(w.seeds);
  policy_named(w.policy);
  if (!(w.ratio > 0 && w.ratio <= 100))
    throw shape_error("ratio", fmt::format("{} is not allowed", w.ratio), "above 0, at most 100");
  auto const trace =
      simulation::read_openb(read_text(w.nodes), w.nodes, read_text(w.tasks), w.tasks);
  if (trace.capacity_milli == 0)
    throw shape_error(w.nodes, "no node has a GPU", "nodes with GPUs");
  auto const report = placement_report(trace, w, seeds);
  if (global.out.as_json) {
    global.out.document(report);
    return exit_done;
  }
  std::vector<std::vector<std::string>> rows{{"SEED"}};
  auto const& mean = report.at("mean");
  for (auto const& [mark, value] : mean.items())
    rows[0].push_back("AT " + mark + " %");
  rows[0].emplace_back("FAILED");
  auto const add = [&](std::string const& name, json const& allocation, std::string const& failed) {
    rows.push_back({name});
    for (auto const& [mark, value] : mean.items())
      rows.back().push_back(allocation.contains(mark)
                                ? fmt::format("{:.2f}", allocation.at(mark).get<double>())
                                : "-");
    rows.back().push_back(failed);
  };
  for (auto const& each : report.at("seeds"))
    add(each.at("seed").dump(), each.at("allocation"), each.at("failed").dump());
  add("mean", mean, "");
  global.out.table(rows);
  global.out.say(
      fmt::format("{}: percent of the GPUs that are allocated when so much of them was "
                  "asked for; {} decisions/s",
                  w.policy, report.at("decisions_per_s").dump()));
  return exit_done;
}

}  // namespace

command simulate_placement_command() {
  return {"placement", "the placement benchmark on files in openb's format",
          "nsai simulate placement --nodes openb_node_list_gpu_node.csv "
          "--tasks openb_pod_list_default.csv --policy fgd --seeds 42-51",
          [](CLI::App& app, global_options& global) -> command_body {
            auto w = std::make_shared<placement_words>();
            app.add_option("--nodes", w->nodes, "CSV: sn, cpu_milli, memory_mib, gpu, model")
                ->required();
            app.add_option("--tasks", w->tasks,
                           "CSV: name, cpu_milli, memory_mib, num_gpu, gpu_milli, gpu_spec")
                ->required();
            app.add_option("--policy", w->policy,
                           "balanced (default), fgd, best_fit, packing, spread, cheapest, random");
            app.add_option("--seeds", w->seeds, "A-B: one run a seed (42-51)");
            app.add_option("--ratio", w->ratio, "tasks arrive up to this times the GPUs (1.3)");
            return [w, &global] { return simulate_placement(*w, global); };
          }};
}

}  // namespace nsai::node
