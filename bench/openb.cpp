// The placement benchmark on the openb cluster trace, with the placement of the live scheduler.
//   bench_openb [--data DIR] [--seeds A-B] [--trace NAME]... [POLICY]...
// DIR: the folder of the trace's CSV files, default $NSAI_SHARED/data/openb. NAME: default,
// gpuspec33 or the rest of another openb_pod_list_NAME.csv; both by default. One JSON line a trace
// and policy: the allocation at 100 % and 130 % arrival as the mean of the seeds, in percent of the
// GPUs. Placement learns from the arrivals as they come and knows nothing beforehand.
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>

#include "messages/values.hpp"
#include "simulation/placement_benchmark.hpp"

namespace {

using namespace nsai;
using namespace nsai::scheduling;
using namespace nsai::simulation;

std::string text_of(std::filesystem::path const& file) {
  std::ifstream in(file);
  std::stringstream text;
  text << in.rdbuf();
  return std::move(text).str();
}

openb_trace read_trace(std::filesystem::path const& folder, std::string const& name) {
  auto const nodes = folder / "openb_node_list_gpu_node.csv";
  auto const tasks = folder / ("openb_pod_list_" + name + ".csv");
  return read_openb(text_of(nodes), nodes.string(), text_of(tasks), tasks.string());
}

double cpu_seconds() {
  timespec t{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

void measure(openb_trace const& t, std::string const& name, placement_policy policy,
             std::pair<std::uint64_t, std::uint64_t> seeds) {
  double at_100 = 0;
  double at_130 = 0;
  std::size_t decisions = 0;
  std::size_t failed = 0;
  double seconds = 0;
  json of_seeds = json::array();
  for (auto seed = seeds.first; seed <= seeds.second; ++seed) {
    placement_benchmark benchmark{t, policy, seed};
    auto const begin = cpu_seconds();
    auto result = benchmark.play();
    seconds += cpu_seconds() - begin;
    of_seeds.push_back(result.allocation[100]);
    at_100 += result.allocation[100];
    at_130 += result.allocation[130];
    decisions += result.decisions;
    failed += result.failed;
  }
  auto const runs = static_cast<double>(seeds.second - seeds.first + 1);
  std::cout << json{{"what", "openb"},
                    {"trace", name},
                    {"policy", to_string(policy)},
                    {"seeds", {seeds.first, seeds.second}},
                    {"allocation_at_100", at_100 / runs},
                    {"allocation_at_130", at_130 / runs},
                    {"by_seed_at_100", of_seeds},
                    {"failed", static_cast<double>(failed) / runs},
                    {"decisions_per_s", static_cast<double>(decisions) / seconds}}
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
