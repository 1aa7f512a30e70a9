#include "scheduling/placement.hpp"

#include <algorithm>
#include <tuple>

#include "scheduling/assert.hpp"

namespace nsai::scheduling {
namespace {

// Bounds what jobs that ask for no cpu can pile up on one node.
constexpr std::size_t most_attempts = 4096;

// What a share of this device reserves.
std::int64_t reserved_mb(resources const& r, device_state const& d) {
  if (r.gpu_share.value >= 1000)
    return d.info.memory_mb;
  return r.gpu_memory_mb > 0 ? r.gpu_memory_mb : d.info.memory_mb * r.gpu_share.value / 1000;
}

}  // namespace

/// Less is better.
struct placement::score {
  std::int64_t waste = 0;  // memory of the GPUs taken, or free GPUs that a CPU job stands beside
  std::int64_t free_devices = 0;  // left on the node
  std::int64_t free_cpu = 0;      // left on the node
  node_index index = none;
  friend auto operator<=>(score const&, score const&) = default;
};

bool placement::has_labels(shape const& s, node_state const& node) const {
  auto const& labels = s.key.resources.node_labels;
  return std::all_of(labels.begin(), labels.end(), [&](auto const& wanted) {
    auto const at = node.info.labels.find(wanted.first);
    return at != node.info.labels.end() && at->second == wanted.second;
  });
}

bool placement::suits(shape& s, node_state const& node) const {
  if (s.suits.size() <= node.kind)
    s.suits.resize(node.kind + 1, -1);
  auto& known = s.suits[node.kind];
  if (known < 0)
    known = node.has_stage(s.key.stage) && has_labels(s, node) ? 1 : 0;
  return known == 1;
}

bool placement::serves(shape& s, device_state const& d) const {
  return s.key.resources.gpu_memory_mb <= d.info.memory_mb &&
         s.matches_model(d.model, nodes_.models[d.model]);
}

// What says no most often and cheapest comes first.
bool placement::has_free(shape& s, device_state const& d) const {
  if (!s.shares_gpu())
    return d.uses.empty() && serves(s, d);
  auto const share = s.key.resources.gpu_share.value;
  if (d.charge + share > 1000)
    return false;
  if (!share_between_tenants_ && std::any_of(d.uses.begin(), d.uses.end(), [&](auto const& use) {
        return use.tenant != s.key.tenant;
      }))
    return false;
  auto const memory = reserved_mb(s.key.resources, d);
  return d.charge + d.charge_of(share, memory) <= 1000 &&
         d.memory_mb + memory <= d.info.memory_mb && serves(s, d);
}

std::size_t placement::devices_free(shape& s, node_state const& node) const {
  if (node.uniform && !s.shares_gpu())
    return !node.devices.empty() && serves(s, node.devices[0]) ? node.free_devices() : 0;
  return static_cast<std::size_t>(std::count_if(node.devices.begin(), node.devices.end(),
                                                [&](auto const& d) { return has_free(s, d); }));
}

bool placement::is_possible(shape& s, node_state const& node) const {
  auto const& r = s.key.resources;
  if (!suits(s, node) || r.cpu.value > node.info.cpus.value || r.memory_mb > node.info.memory_mb)
    return false;
  return std::count_if(node.devices.begin(), node.devices.end(),
                       [&](auto const& d) { return serves(s, d); }) >= r.gpu_count;
}

bool placement::fits_but_for_cpu(shape& s, node_state const& node) const {
  auto const& r = s.key.resources;
  if (!node.takes_grants() || r.memory_mb > node.memory_free() ||
      r.cpu.value > node.info.cpus.value || !node.has_time_for(s.key.bound_ms, nodes_.now))
    return false;
  if (!s.shares_gpu() && static_cast<std::size_t>(r.gpu_count) > node.free_devices())
    return false;
  if (!suits(s, node))
    return false;
  if (s.shares_gpu())
    return std::any_of(node.devices.begin(), node.devices.end(),
                       [&](auto const& d) { return has_free(s, d); });
  return !s.wants_gpu() || devices_free(s, node) >= static_cast<std::size_t>(r.gpu_count);
}

bool placement::fits(shape& s, node_state const& node) const {
  return s.key.resources.cpu.value <= node.cpu_free() && node.ahead() == 0 &&
         node.attempts() < most_attempts && fits_but_for_cpu(s, node);
}

bool placement::may_fit(shape& s) const {
  while (!s.candidates.empty() && !fits(s, nodes_[s.candidates.back()]))
    s.candidates.pop_back();
  return s.is_open();
}

std::vector<device_state const*> placement::choose(shape& s, node_state const& node) const {
  std::vector<device_state const*> chosen;
  for (auto const& d : node.devices)
    if (has_free(s, d))
      chosen.push_back(&d);
  // Shares pile up on the fullest device; exclusive jobs take the smallest device that serves.
  std::sort(chosen.begin(), chosen.end(), [](device_state const* a, device_state const* b) {
    return std::tuple(-a->charge, a->info.memory_mb, a->info.index) <
           std::tuple(-b->charge, b->info.memory_mb, b->info.index);
  });
  chosen.resize(std::min(chosen.size(), static_cast<std::size_t>(s.key.resources.gpu_count)));
  return chosen;
}

placement::score placement::rate(shape& s, node_index index) const {
  auto const& node = nodes_[index];
  auto const& r = s.key.resources;
  score result;
  result.index = index;
  result.free_cpu = node.cpu_free() - r.cpu.value;
  result.free_devices = static_cast<std::int64_t>(node.free_devices());
  if (!s.wants_gpu()) {
    result.waste = result.free_devices;
    return result;
  }
  if (node.uniform && !s.shares_gpu()) {
    result.waste = r.gpu_count * node.devices[0].info.memory_mb;
    result.free_devices -= r.gpu_count;
    return result;
  }
  for (auto const* const d : choose(s, node)) {
    if (d->uses.empty())
      result.waste +=
          d->info.memory_mb;  // breaking into a free GPU wastes more than joining others
    result.free_devices -= d->uses.empty() ? 1 : 0;
    if (s.shares_gpu())
      result.waste -= d->charge;
  }
  return result;
}

void placement::look_at(shape& s, node_index index, std::optional<score>& best) const {
  auto const rated = rate(s, index);
  if (!best || rated < *best)
    best = rated;
}

/// A share joins the fullest device that takes it.
bool placement::find_shared(shape& s, room_index::nodes_of_kind const& kind,
                            std::optional<score>& best) const {
  // Where tenants share devices, those stand under every tenant.
  auto const from = [&](tenant_index tenant) {
    return kind.shared.lower_bound({tenant, 1000 - s.key.resources.gpu_share.value, {0, 0, 0}, 0});
  };
  bool found = false;
  auto const walk = [&](auto at, tenant_index tenant) {
    for (; at != kind.shared.end() && at->tenant == tenant; ++at) {
      auto const& node = nodes_[at->on.node];
      if (has_free(s, node.devices[at->position]) && fits(s, node)) {
        look_at(s, at->on.node, best);
        found = true;
        return;
      }
    }
  };
  if (!share_between_tenants_) {
    walk(from(s.key.tenant), s.key.tenant);
    return found;
  }
  for (auto at = kind.shared.begin(); at != kind.shared.end();) {
    auto const tenant = at->tenant;
    walk(from(tenant), tenant);
    at = tenant == none ? kind.shared.end()
                        : kind.shared.lower_bound({tenant + 1, 1000, {0, 0, 0}, 0});
  }
  return found;
}

/// The best node of a kind. All of them are looked at only where they have different devices.
void placement::find_in(shape& s, room_index::nodes_of_kind const& kind,
                        std::optional<score>& best) const {
  auto const& any = nodes_[kind.nodes.begin()->node];
  if (!suits(s, any))
    return;
  if (s.wants_gpu() && !any.uniform) {
    for (auto const& at : kind.nodes)
      if (fits(s, nodes_[at.node]))
        look_at(s, at.node, best);
    return;
  }
  if (s.wants_gpu() && (any.devices.empty() || !serves(s, any.devices[0])))
    return;
  if (s.shares_gpu() && find_shared(s, kind, best))
    return;  // breaking into a free GPU is worse
  // What is taken of a node is the same on each of them, so the score grows in the order in which
  // they stand.
  auto const cpu = s.key.resources.cpu.value;
  auto const devices = static_cast<std::size_t>(s.key.resources.gpu_count);
  for (auto at = kind.nodes.lower_bound({devices, cpu, 0}); at != kind.nodes.end();) {
    if (at->free_cpu < cpu) {
      at = kind.nodes.lower_bound({at->free_devices, cpu, 0});
    } else if (fits(s, nodes_[at->node])) {
      look_at(s, at->node, best);
      return;
    } else {
      ++at;
    }
  }
}

std::optional<place> placement::find(shape& s) const {
  std::optional<score> best;
  if (s.look_everywhere)
    for (auto const& [kind, those] : nodes_.by_room().kinds())
      find_in(s, those, best);
  else
    std::erase_if(s.candidates, [&](node_index index) {
      if (!fits(s, nodes_[index]))
        return true;
      look_at(s, index, best);
      return false;
    });
  if (!best)
    return std::nullopt;
  place found{best->index, {}};
  if (!s.wants_gpu())
    return found;
  for (auto const* const d : choose(s, nodes_[best->index]))
    found.devices.push_back({d->info.index, d->info.uuid, d->info.model,
                             reserved_mb(s.key.resources, *d), s.key.resources.gpu_share.value,
                             d->info.is_virtual});
  return found;
}

}  // namespace nsai::scheduling
