#include "scheduling/placement.hpp"

#include <algorithm>
#include <limits>

#include "scheduling/assert.hpp"

namespace nsai::scheduling {
namespace {

// What a share of this device reserves.
std::int64_t reserved_mb(resources const& r, std::int64_t memory_mb) {
  if (r.gpu_share.value >= 1000)
    return memory_mb;
  return r.gpu_memory_mb > 0 ? r.gpu_memory_mb : memory_mb * r.gpu_share.value / 1000;
}

// What has to be free of it. Who takes a whole device and states no need is content where others
// hold little.
std::int64_t needed_mb(resources const& r, std::int64_t memory_mb) {
  constexpr std::int64_t part_others_may_hold = 10;  // one in so many
  if (r.gpu_share.value < 1000)
    return reserved_mb(r, memory_mb);
  return r.gpu_memory_mb > 0 ? r.gpu_memory_mb : memory_mb - memory_mb / part_others_may_hold;
}

class_need need_of(shape& s, device_class const& c, std::string const& model) {
  auto const& r = s.key.resources;
  class_need need;
  need.serves = r.gpu_memory_mb <= c.memory_mb && s.matches_model(c.model, model);
  auto const memory = reserved_mb(r, c.memory_mb);
  need.memory_mb = static_cast<std::int32_t>(
      std::min<std::int64_t>(needed_mb(r, c.memory_mb), std::numeric_limits<std::int32_t>::max()));
  if (s.shares_gpu())
    need.milli = static_cast<std::int32_t>(
        std::min<std::int64_t>(charge_of(r.gpu_share.value, memory, c.memory_mb), 1001));
  return need;
}

/// Of SplitMix64.
std::uint64_t mixed(std::uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

}  // namespace

bool placement::has_labels(shape const& s, node_state const& node) const {
  auto const& labels = s.key.resources.node_labels;
  return std::all_of(labels.begin(), labels.end(), [&](auto const& wanted) {
    auto const at = node.info.labels.find(wanted.first);
    return at != node.info.labels.end() && at->second == wanted.second;
  });
}

bool placement::learn_suits(shape& s, node_state const& node) const {
  if (s.suits.size() <= node.kind)
    s.suits.resize(node.kind + 1, -1);
  bool const suits = node.has_stage(s.key.stage) && has_labels(s, node);
  s.suits[node.kind] = suits ? 1 : 0;
  return suits;
}

class_need const& placement::learn_need(shape& s, device_class_index of) const {
  auto const& classes = nodes_->device_classes();
  while (s.needs.size() <= of) {
    auto const& c = classes[s.needs.size()];
    s.needs.push_back(need_of(s, c, nodes_->models[c.model]));
  }
  return s.needs[of];
}

// What says no most often and cheapest comes first.
bool placement::has_free(shape& s, device_state const& d) const {
  if (!s.shares_gpu())
    return d.is_free() && is_served(s, d);
  if (d.withholds(!d.uses.empty()))
    return false;
  auto const& wants = need(s, d.device_class);
  if (!wants.serves || d.charge + wants.milli > 1000 ||
      d.memory_mb + wants.memory_mb > d.memory_offered())
    return false;
  return settings_.share_between_tenants ||
         std::all_of(d.uses.begin(), d.uses.end(),
                     [&](auto const& use) { return use.tenant == s.key.tenant; });
}

std::size_t placement::devices_free(shape& s, node_state const& node) const {
  if (node.uniform && !s.shares_gpu())
    return !node.devices.empty() && serves(s, node.devices[0]) ? node.free_devices() : 0;
  return static_cast<std::size_t>(std::count_if(node.devices.begin(), node.devices.end(),
                                                [&](auto const& d) { return has_free(s, d); }));
}

bool placement::is_possible(shape& s, node_state const& node) const {
  return is_large_enough(s, node) &&
         (!s.wants_gpu() ||
          std::count_if(node.devices.begin(), node.devices.end(), [&](auto const& d) {
            return !d.withholds(false) && is_served(s, d);
          }) >= s.key.resources.gpu_count);
}

bool placement::is_sound_for(shape& s, node_state const& node) const {
  return !s.wants_gpu() ||
         std::count_if(node.devices.begin(), node.devices.end(), [&](auto const& d) {
           return !d.withholds(false) && serves(s, d);
         }) >= s.key.resources.gpu_count;
}

bool placement::is_served(shape& s, device_state const& d) const {
  auto const& wants = need(s, d.device_class);
  return wants.serves && wants.memory_mb <= d.memory_offered();
}

bool placement::is_large_enough(shape& s, node_state const& node) const {
  auto const& r = s.key.resources;
  if (!suits(s, node) || r.cpu.value > node.info.cpus.value || r.memory_mb > node.info.memory_mb)
    return false;
  return std::count_if(node.devices.begin(), node.devices.end(),
                       [&](auto const& d) { return serves(s, d); }) >= r.gpu_count;
}

bool placement::fits_but_for_cpu(shape& s, node_state const& node) const {
  auto const& r = s.key.resources;
  if (!node.takes_grants() || r.memory_mb > node.memory_free() ||
      r.cpu.value > node.info.cpus.value || !node.has_time_for(s.key.bound_ms, nodes_->now))
    return false;
  if (!s.shares_gpu() && static_cast<std::size_t>(r.gpu_count) > node.free_devices())
    return false;
  if (!suits(s, node) || (s.key.retried && node.avoids_retries))
    return false;
  if (s.shares_gpu())
    return std::any_of(node.devices.begin(), node.devices.end(),
                       [&](auto const& d) { return has_free(s, d); });
  return !s.wants_gpu() || devices_free(s, node) >= static_cast<std::size_t>(r.gpu_count);
}

bool placement::may_fit(shape& s) const {
  if (s.is_gang())  // every one counts
    std::erase_if(s.candidates, [&](node_index index) { return !fits(s, (*nodes_)[index]); });
  if (s.checked_at == nodes_->changes())
    return s.is_open();
  s.checked_at = nodes_->changes();
  while (!s.candidates.empty() && !fits(s, (*nodes_)[s.candidates.back()]))
    s.candidates.pop_back();
  return s.is_open();
}

placement_score placement::score() {
  return {settings_.policy, mix_.learned(*nodes_), *nodes_, settings_.share_between_tenants};
}

std::uint64_t placement::next_draw() {
  constexpr std::uint64_t step = 0x9e3779b97f4a7c15ULL;
  return settings_.policy == placement_policy::random
             ? mixed(mixed(settings_.seed) + step * ++draws_)
             : 0;
}

rating placement::rate(shape& s, node_index index, node_room const& room, placement_score& score) {
  bool const known = room.kind < s.suits.size() && s.suits[room.kind] >= 0;
  if (known ? s.suits[room.kind] == 0 : !suits(s, (*nodes_)[index]))
    return no_room;
  if (room.in_use)
    return score.rate(s, room);
  // Idle nodes of one kind are alike.
  if (of_idle_.size() <= room.kind)
    of_idle_.resize(room.kind + 1);
  auto& of_idle = of_idle_[room.kind];
  if (!of_idle)
    of_idle = score.rate(s, room);
  return *of_idle;
}

node_index placement::best_of_all(shape& s, std::uint64_t draw) {
  auto const& rooms = nodes_->by_room();
  auto rates = score();
  of_idle_.clear();
  auto const& r = s.key.resources;
  auto const idle = s.shares_gpu() ? 0 : static_cast<std::uint32_t>(r.gpu_count);
  auto const& all =
      ratings_.ratings(s.key, s.rating, rooms, mix_.learned(*nodes_).version + nodes_->records(),
                       [&](node_index index) {
                         return rooms.may_have(index, r.cpu.value, r.memory_mb, idle)
                                    ? rate(s, index, rooms[index], rates)
                                    : no_room;
                       });
  auto const accept = [&](node_index index) { return is_free_for_all(s, (*nodes_)[index]); };
  if (settings_.policy != placement_policy::random)
    return all.best(accept);
  std::vector<node_index> fitting;
  for (node_index i = 0; i < rooms.slots(); ++i)
    if (all[i] != no_room && accept(i))
      fitting.push_back(i);
  return fitting.empty() ? none : fitting[draw % fitting.size()];
}

node_index placement::best_candidate(shape& s, std::uint64_t draw) {
  std::erase_if(s.candidates, [&](node_index index) { return !fits(s, (*nodes_)[index]); });
  std::vector<node_index> some;  // the usual: no room is kept on any
  auto const* from = &s.candidates;
  if (std::any_of(from->begin(), from->end(),
                  [&](auto index) { return (*nodes_)[index].is_kept; })) {
    std::copy_if(from->begin(), from->end(), std::back_inserter(some),
                 [&](auto index) { return !(*nodes_)[index].is_kept; });
    from = &some;
  }
  if (from->empty())
    return none;
  if (from->size() == 1)
    return from->front();
  if (settings_.policy == placement_policy::random)
    return (*from)[draw % from->size()];
  auto rates = score();
  std::pair<rating, node_index> best{no_room, none};
  for (auto const index : *from)
    best = std::min(best, {rates.rate(s, nodes_->room_of(index)), index});
  return best.second;
}

void placement::learn_needs(shape& s) {
  if (!nodes_->device_classes().empty())
    need(s, static_cast<device_class_index>(nodes_->device_classes().size() - 1));
}

place placement::place_at(shape& s, node_index node,
                          std::vector<std::uint32_t> const& positions) const {
  place found{node, {}};
  found.devices.reserve(positions.size());
  for (auto const position : positions) {
    auto const& d = std::as_const(*nodes_)[node].devices[position];
    found.devices.push_back({d.info().index, d.info().uuid, d.info().model,
                             reserved_mb(s.key.resources, d.memory_total()),
                             s.key.resources.gpu_share.value, d.info().is_virtual});
  }
  NSAI_ASSERT(found.devices.size() == static_cast<std::size_t>(s.key.resources.gpu_count));
  return found;
}

std::optional<place> placement::find(shape& s) {
  learn_needs(s);
  auto const draw = next_draw();
  auto const node = s.look_everywhere ? best_of_all(s, draw) : best_candidate(s, draw);
  if (node == none)
    return std::nullopt;
  if (!s.wants_gpu())
    return place{node, {}};
  return place_at(s, node, score().choose(s, nodes_->room_of(node), mixed(draw)));
}

std::optional<place> placement::find_on(shape& s, node_index node, node_room const& room) {
  auto const& r = s.key.resources;
  if (r.cpu.value > room.cpu || r.memory_mb > room.memory_mb)
    return std::nullopt;
  if (!s.wants_gpu())
    return place{node, {}};
  learn_needs(s);
  auto const positions = score().choose(s, room, mixed(next_draw()));
  if (positions.empty())
    return std::nullopt;
  return place_at(s, node, positions);
}

}  // namespace nsai::scheduling
