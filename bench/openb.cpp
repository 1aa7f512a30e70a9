// The placement benchmark on the openb cluster trace, with the placement of the live scheduler.
//   bench_openb [--data DIR] [--seeds A-B] [--trace NAME]... [POLICY]...
// DIR: the folder of the trace's CSV files, default $NSAI_SHARED/data/openb. NAME: default,
// gpuspec33 or the rest of another openb_pod_list_NAME.csv; both by default. One JSON line a trace
// and policy: the allocation at 100 % and 130 % arrival as the mean of the seeds, in percent of the
// GPUs. Placement learns from the arrivals as they come and knows nothing beforehand.
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <random>
#include <sstream>

#include "messages/values.hpp"
#include "scheduling/placement.hpp"

namespace {

using namespace nsai;
using namespace nsai::scheduling;

struct task {
  std::string name;
  resources needs;
  std::int64_t gpu_milli() const { return needs.gpu_count * needs.gpu_share.value; }
};

struct trace {
  std::vector<node_info> nodes;
  std::vector<task> tasks;
  std::int64_t capacity_milli = 0;
};

std::vector<std::vector<std::string>> rows_of(std::filesystem::path const& file) {
  std::ifstream in(file);
  std::vector<std::vector<std::string>> rows;
  for (std::string line; std::getline(in, line);) {
    auto& row = rows.emplace_back();
    std::istringstream cells(line);
    for (std::string cell; std::getline(cells, cell, ',');)
      row.push_back(cell);
  }
  if (!rows.empty())
    rows.erase(rows.begin());  // the names of the columns
  return rows;
}

trace read_trace(std::filesystem::path const& folder, std::string const& name) {
  trace t;
  for (auto const& row : rows_of(folder / "openb_node_list_gpu_node.csv")) {
    node_info n;
    n.uuid = n.name = row[0];
    n.cpus.value = std::stoll(row[1]);
    n.memory_mb = std::stoll(row[2]);
    auto const gpus = static_cast<std::uint32_t>(std::stoul(row[3]));
    for (std::uint32_t i = 0; i < gpus; ++i)
      n.gpus.push_back({i, row[0] + "-" + std::to_string(i), row[4], 0, false});
    t.capacity_milli += 1000 * std::int64_t{gpus};
    t.nodes.push_back(std::move(n));
  }
  for (auto const& row : rows_of(folder / ("openb_pod_list_" + name + ".csv"))) {
    task each;
    each.name = row[0];
    each.needs.cpu.value = std::stoll(row[1]);
    each.needs.memory_mb = std::stoll(row[2]);
    each.needs.gpu_count = std::stoi(row[3]);
    if (each.needs.gpu_count > 0) {
      each.needs.gpu_share.value = std::stoll(row[4]);
      each.needs.gpu = row[5];
    }
    t.tasks.push_back(std::move(each));
  }
  std::sort(t.tasks.begin(), t.tasks.end(),
            [](task const& a, task const& b) { return a.name < b.name; });
  return t;
}

/// Positions of tasks in order of arrival: all of them shuffled, their demand brought to 1.3 times
/// the capacity.
std::vector<std::size_t> arrivals(trace const& t, std::mt19937_64& random) {
  std::vector<std::size_t> order(t.tasks.size());
  std::int64_t total = 0;
  for (std::size_t i = 0; i < order.size(); ++i) {
    order[i] = i;
    total += t.tasks[i].gpu_milli();
  }
  std::shuffle(order.begin(), order.end(), random);
  auto const goal = t.capacity_milli * 13 / 10;
  while (total > goal) {
    auto const at = order.begin() + static_cast<std::ptrdiff_t>(random() % order.size());
    total -= t.tasks[*at].gpu_milli();
    order.erase(at);
  }
  for (bool more = total < goal; more;) {
    auto const drawn = random() % t.tasks.size();
    order.push_back(drawn);
    more = total + t.tasks[drawn].gpu_milli() <= goal;
    total += t.tasks[drawn].gpu_milli();
  }
  return order;
}

struct outcome {
  std::map<std::int64_t, double> allocation;  // by arrival in percent
  std::size_t decisions = 0;
  std::size_t failed = 0;
  double seconds = 0;
};

double cpu_seconds() {
  timespec t{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

outcome play(trace const& t, placement_policy policy, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  auto const order = arrivals(t, random);
  std::vector<std::size_t> ranks(t.nodes.size());
  for (std::size_t i = 0; i < ranks.size(); ++i)
    ranks[i] = i;
  std::shuffle(ranks.begin(), ranks.end(), random);
  cluster nodes;
  for (auto const at : ranks)
    nodes.offer(nodes.add(t.nodes[at].uuid), t.nodes[at], {true});
  // One tenant: all may share devices.
  placement places{nodes, {policy, true, seed}};
  shape_table shapes;
  std::vector<shape_index> shape_of;
  for (auto const& each : t.tasks)
    shape_of.push_back(shapes.intern({0, each.needs, false, none}));

  outcome result;
  std::map<std::int64_t, std::pair<double, std::size_t>> sums;
  std::int64_t arrived = 0;
  std::int64_t placed = 0;
  auto const begin = cpu_seconds();
  for (auto const at : order) {
    auto const& each = t.tasks[at];
    auto& s = shapes[shape_of[at]];
    places.note(s);
    arrived += each.gpu_milli();
    ++result.decisions;
    if (auto const found = places.find(s)) {
      holding h;
      h.cpu = each.needs.cpu.value;
      h.memory_mb = each.needs.memory_mb;
      h.devices.assign(found->devices.begin(), found->devices.end());
      h.tenant = none;
      nodes[found->node].hold({{result.decisions}, 1}, std::move(h));
      placed += each.gpu_milli();
    } else {
      ++result.failed;
    }
    auto const capacity = static_cast<double>(t.capacity_milli);
    auto& [sum, count] = sums[std::llround(100 * static_cast<double>(arrived) / capacity)];
    sum += 100 * static_cast<double>(placed) / capacity;
    ++count;
  }
  result.seconds = cpu_seconds() - begin;
  for (auto const& [percent, of] : sums)
    result.allocation[percent] = of.first / static_cast<double>(of.second);
  return result;
}

void measure(trace const& t, std::string const& name, placement_policy policy,
             std::pair<std::uint64_t, std::uint64_t> seeds) {
  double at_100 = 0;
  double at_130 = 0;
  outcome sum;
  json of_seeds = json::array();
  for (auto seed = seeds.first; seed <= seeds.second; ++seed) {
    auto result = play(t, policy, seed);
    of_seeds.push_back(result.allocation[100]);
    at_100 += result.allocation[100];
    at_130 += result.allocation[130];
    sum.decisions += result.decisions;
    sum.failed += result.failed;
    sum.seconds += result.seconds;
  }
  auto const runs = static_cast<double>(seeds.second - seeds.first + 1);
  std::cout << json{{"what", "openb"},
                    {"trace", name},
                    {"policy", to_string(policy)},
                    {"seeds", {seeds.first, seeds.second}},
                    {"allocation_at_100", at_100 / runs},
                    {"allocation_at_130", at_130 / runs},
                    {"by_seed_at_100", of_seeds},
                    {"failed", static_cast<double>(sum.failed) / runs},
                    {"decisions_per_s", static_cast<double>(sum.decisions) / sum.seconds}}
            << std::endl;
}

int usage() {
  std::cerr << "bench_openb [--data DIR] [--seeds A-B] [--trace NAME]... [POLICY]...\npolicies:";
  for (auto const name : placement_policy_names)
    std::cerr << ' ' << name;
  std::cerr << '\n';
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  auto const* const shared = std::getenv("NSAI_SHARED");
  std::filesystem::path folder = shared != nullptr ? shared : "../shared";
  folder /= "data/openb";
  std::pair<std::uint64_t, std::uint64_t> seeds{42, 51};
  std::vector<std::string> traces;
  std::vector<placement_policy> policies;
  for (int i = 1; i < argc; ++i) {
    std::string const word = argv[i];
    if (auto const policy = placement_policy_named(word)) {
      policies.push_back(*policy);
      continue;
    }
    if ((word != "--data" && word != "--seeds" && word != "--trace") || ++i == argc)
      return usage();
    std::string const value = argv[i];
    if (word == "--data") {
      folder = value;
    } else if (word == "--trace") {
      traces.push_back(value);
    } else {
      std::istringstream range(value);
      char dash = '-';
      range >> seeds.first;
      if (seeds.second = seeds.first; !range.eof())
        range >> dash >> seeds.second;
      if (range.fail() || dash != '-' || seeds.second < seeds.first)
        return usage();
    }
  }
  if (traces.empty())
    traces = {"default", "gpuspec33"};
  if (policies.empty())
    for (auto const name : placement_policy_names)
      policies.push_back(*placement_policy_named(name));
  for (auto const& name : traces) {
    if (!std::filesystem::exists(folder / ("openb_pod_list_" + name + ".csv"))) {
      std::cout << json{{"what", "openb"},
                        {"trace", name},
                        {"skipped",
                         "there is no openb_pod_list_" + name + ".csv in " + folder.string()}}
                << std::endl;
      continue;
    }
    auto const t = read_trace(folder, name);
    for (auto const policy : policies)
      measure(t, name, policy, seeds);
  }
}
