#include "simulation/placement_benchmark.hpp"

#include <algorithm>
#include <cmath>
#include <random>

#include "scheduling/placement.hpp"

namespace nsai::simulation {
namespace {

using namespace scheduling;

/// Positions of tasks in order of arrival: all of them shuffled, their demand brought to the goal.
std::vector<std::size_t> arrivals(openb_trace const& t, double ratio, std::mt19937_64& draw) {
  std::vector<std::size_t> order(t.tasks.size());
  std::int64_t total = 0;
  std::int64_t largest = 0;
  for (std::size_t i = 0; i < order.size(); ++i) {
    order[i] = i;
    total += t.tasks[i].gpu_milli();
    largest = std::max(largest, t.tasks[i].gpu_milli());
  }
  std::shuffle(order.begin(), order.end(), draw);
  auto const goal = std::llround(static_cast<double>(t.capacity_milli) * ratio);
  while (total > goal) {
    auto const at = order.begin() + static_cast<std::ptrdiff_t>(draw() % order.size());
    total -= t.tasks[*at].gpu_milli();
    order.erase(at);
  }
  // Tasks without GPUs alone would never reach it.
  for (bool more = total < goal && largest > 0; more;) {
    auto const drawn = draw() % t.tasks.size();
    order.push_back(drawn);
    more = total + t.tasks[drawn].gpu_milli() <= goal;
    total += t.tasks[drawn].gpu_milli();
  }
  return order;
}

}  // namespace

struct placement_benchmark::state {
  state(openb_trace const& t, placement_policy policy, std::uint64_t seed, double ratio)
      : trace(t), places(nodes, {policy, true, seed}) {  // one tenant: all may share devices
    std::mt19937_64 draw(seed);
    order = arrivals(t, ratio, draw);
    std::vector<std::size_t> ranks(t.nodes.size());
    for (std::size_t i = 0; i < ranks.size(); ++i)
      ranks[i] = i;
    std::shuffle(ranks.begin(), ranks.end(), draw);
    for (auto const at : ranks)
      nodes.offer(nodes.add(t.nodes[at].uuid), t.nodes[at], {true});
    for (auto const& each : t.tasks)
      shape_of.push_back(shapes.intern({0, each.needs, false, none}));
  }

  openb_trace const& trace;
  std::vector<std::size_t> order;
  scheduling::cluster nodes;
  placement places;
  shape_table shapes;
  std::vector<shape_index> shape_of;
};

placement_benchmark::placement_benchmark(openb_trace const& trace, placement_policy policy,
                                         std::uint64_t seed, double ratio)
    : state_(std::make_unique<state>(trace, policy, seed, ratio)) {}
placement_benchmark::~placement_benchmark() = default;

placement_benchmark::outcome placement_benchmark::play() {
  auto& s = *state_;
  outcome result;
  std::map<std::int64_t, std::pair<double, std::size_t>> sums;
  std::int64_t arrived = 0;
  std::int64_t placed = 0;
  auto const capacity = static_cast<double>(std::max<std::int64_t>(1, s.trace.capacity_milli));
  for (auto const at : s.order) {
    auto const& each = s.trace.tasks[at];
    auto& shape = s.shapes[s.shape_of[at]];
    s.places.note(shape);
    arrived += each.gpu_milli();
    ++result.decisions;
    if (auto const found = s.places.find(shape)) {
      holding h;
      h.cpu = each.needs.cpu.value;
      h.memory_mb = each.needs.memory_mb;
      h.devices.assign(found->devices.begin(), found->devices.end());
      h.tenant = none;
      s.nodes[found->node].hold({{result.decisions}, 1}, std::move(h));
      placed += each.gpu_milli();
    } else {
      ++result.failed;
    }
    auto& [sum, count] = sums[std::llround(100 * static_cast<double>(arrived) / capacity)];
    sum += 100 * static_cast<double>(placed) / capacity;
    ++count;
  }
  for (auto const& [percent, of] : sums)
    result.allocation[percent] = of.first / static_cast<double>(of.second);
  return result;
}

}  // namespace nsai::simulation
