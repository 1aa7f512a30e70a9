#include "simulation/fragmentation.hpp"

#include <algorithm>
#include <map>

namespace nsai::simulation {
namespace {

constexpr std::size_t most_requests = 64;

}  // namespace

fragmentation::fragmentation(std::vector<described_node> const& nodes, workload const& jobs) {
  learn_mix(jobs);
  judge(nodes);
  for (auto const& each : nodes) {
    node n;
    n.node_class = each.node_class;
    n.cpu = each.info.cpus.value;
    n.memory_mb = each.info.memory_mb;
    n.devices.assign(each.info.gpus.size(), 1000);
    n.unusable = unusable_of(n);
    unusable_ += n.unusable;
    nodes_.push_back(std::move(n));
  }
}

void fragmentation::learn_mix(workload const& jobs) {
  std::vector<std::int64_t> asked(jobs.requests.size());
  for (auto const& each : jobs.jobs)
    asked[each.request] += each.count;
  std::map<resources, std::int64_t> by_needs;
  for (std::size_t i = 0; i < asked.size(); ++i)
    if (auto const& needs = jobs.requests[i].resources; needs.gpu_count > 0)
      by_needs[needs] += asked[i];
  for (auto const& [needs, count] : by_needs)
    mix_.push_back({needs, static_cast<double>(count)});
  std::stable_sort(mix_.begin(), mix_.end(),
                   [](auto const& a, auto const& b) { return a.part > b.part; });
  if (mix_.size() > most_requests)
    mix_.resize(most_requests);
  double all = 0;
  for (auto const& each : mix_)
    all += each.part;
  for (auto& each : mix_)
    each.part /= all;
}

/// Nodes of one class have equal devices and labels.
void fragmentation::judge(std::vector<described_node> const& nodes) {
  std::size_t judged = 0;
  for (auto const& each : nodes) {
    if (each.node_class < judged)
      continue;
    for (auto& r : mix_) {
      r.serves.resize(each.node_class + 1);
      r.has_labels.resize(each.node_class + 1);
      for (auto const& gpu : each.info.gpus)
        r.serves.back().push_back(r.needs.gpu_memory_mb <= gpu.memory_mb &&
                                  gpu_model_matches(r.needs.gpu, gpu.model));
      auto const& labels = each.info.labels;
      r.has_labels.back() = std::all_of(
          r.needs.node_labels.begin(), r.needs.node_labels.end(), [&](auto const& wanted) {
            auto const found = labels.find(wanted.first);
            return found != labels.end() && found->second == wanted.second;
          });
    }
    judged = each.node_class + 1;
  }
}

double fragmentation::unusable_of(node const& n) const {
  std::int64_t free = 0;
  for (auto const milli : n.devices)
    free += milli;
  if (free == 0)
    return 0;
  double expected = 0;
  for (auto const& r : mix_) {
    auto const& serves = r.serves[n.node_class];
    std::int64_t usable = 0;
    std::int32_t devices = 0;
    for (std::size_t i = 0; i < n.devices.size(); ++i)
      if (serves[i] && n.devices[i] >= r.needs.gpu_share.value) {
        usable += n.devices[i];
        ++devices;
      }
    bool const takes = r.has_labels[n.node_class] && devices >= r.needs.gpu_count &&
                       n.cpu >= r.needs.cpu.value && n.memory_mb >= r.needs.memory_mb;
    expected += r.part * static_cast<double>(takes ? free - usable : free);
  }
  return expected / 1000;
}

void fragmentation::change(std::size_t index, amounts const& held, int sign) {
  auto& n = nodes_[index];
  n.cpu += sign * held.cpu;
  n.memory_mb += sign * held.memory_mb;
  for (auto const& d : held.devices)
    n.devices[d.index] += sign * d.share_milli;
  if (n.devices.empty())
    return;
  auto const now = unusable_of(n);
  unusable_ += now - n.unusable;
  n.unusable = now;
}

}  // namespace nsai::simulation
