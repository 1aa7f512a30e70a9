// What a place costs. Everything of `balanced` is in GPUs; the weights are round numbers that hold
// over a wide range (docs/adr/0010), everything else is learned (`request_mix`).
//
//   c            cpu that requests for GPUs ask for with each GPU
//   stranded GPU max(0, free GPUs - free cpu / c)      GPUs that no cpu is left for
//   stranded cpu max(0, free cpu / c - free GPUs)      cpu beyond what the free GPUs will need
//   unused       what a request drawn from the mix is expected to leave unused of the free GPUs
//                because a device has too little left, too few are idle, or cpu is lacking
//   scarcity     what part of a model would be claimed by those who can use few models only
//
//   cost = growth of stranded GPU + 1/4 growth of stranded cpu + 3/2 GPUs taken x scarcity
//          + 2/5 growth of unused
//
// in steps of 1/8: places that are about as good go to the first node, so that others stay whole.
//
// "unused" is the fragmentation of "Beware of Fragmentation: Scheduling GPU-Sharing Workloads with
// Fragmentation Gradient Descent" (USENIX ATC 2023) with the share, the number and the cpu of a
// request taken as independent: sums over the mix become look-ups in tables. `fgd` is the paper's
// own measure: for every frequent request, all that it could not use. As in the authors' program,
// its growth is rounded to hundredths of a sigmoid.
#include "scheduling/placement_score.hpp"

#include <algorithm>
#include <cmath>
#include <map>

namespace nsai::scheduling {
namespace {

constexpr double weight_of_cpu = 0.25;
constexpr double weight_of_scarcity = 1.5;
constexpr double weight_of_unused = 0.4;
constexpr double step = 0.125;

/// The cost in steps, rounded up.
std::int64_t steps_of(double cost) {
  constexpr double none_worth_counting = 1e-6;
  auto const steps = cost / step - none_worth_counting;
  auto const whole = static_cast<std::int64_t>(steps);
  return whole + (steps > static_cast<double>(whole) ? 1 : 0);
}

/// `first` decides, `second` (not negative) where it is equal.
rating in_order(std::int64_t first, std::int64_t second) {
  constexpr std::int64_t most_first = (std::int64_t{1} << 23) - 1;
  constexpr std::int64_t most_second = (std::int64_t{1} << 40) - 1;
  first = std::clamp(first, -most_first, most_first) + most_first;
  return static_cast<rating>(first) << 40 | static_cast<rating>(std::min(second, most_second));
}

/// Of a number in [0, 1].
std::int64_t fine(double part, int bits) {
  auto const most = static_cast<double>((std::int64_t{1} << bits) - 1);
  return static_cast<std::int64_t>(std::clamp(part, 0.0, 1.0) * most + 0.5);
}

double part_of(std::int64_t some, std::int64_t all) {
  return all > 0 ? static_cast<double>(some) / static_cast<double>(all) : 0;
}

}  // namespace

bool placement_score::has_room(shape const& s, device_room const& d) const {
  auto const& need = s.needs[d.device_class];
  if (!need.serves)
    return false;
  if (!s.shares_gpu())
    return d.idle && d.free_memory_mb >= need.memory_mb;
  return d.free_milli >= need.milli && d.free_memory_mb >= need.memory_mb &&
         (d.idle || share_between_tenants_ || d.tenant == s.key.tenant);
}

double placement_score::hole(device_room const& d, std::int32_t less) const {
  return demand_.classes[d.device_class].hole[static_cast<std::size_t>(d.free_milli - less)];
}

void placement_score::add(shape const& s, device_room const& d, taken& what) const {
  auto const milli = s.needs[d.device_class].milli;
  what.gpu_milli += milli;
  what.hole += hole(d, milli) - hole(d);
  what.scarcity += demand_.classes[d.device_class].scarcity * milli / 1000;
  what.idle_devices += d.idle ? 1 : 0;
  what.memory_mb += d.idle ? classes_[d.device_class].memory_mb : 0;
}

double placement_score::prefers(shape const& s, node_room const& room,
                                std::uint32_t position) const {
  auto const& d = room.devices[position];
  constexpr double a_tie = 1e-6;
  auto const fullest = a_tie * d.free_milli / 1000;
  if (policy_ == placement_policy::spread)
    return -fullest;
  if (policy_ != placement_policy::balanced)
    return fullest;
  auto const& c = demand_.classes[d.device_class];
  auto const milli = s.needs[d.device_class].milli;
  auto growth = hole(d, milli) - hole(d) + weight_of_scarcity * c.scarcity * milli / 1000;
  if (d.idle)
    growth += c.too_few_with(room.idle_devices - 1) - c.too_few_with(room.idle_devices);
  return growth + fullest;
}

bool placement_score::take_share(shape const& s, node_room const& room, taken& what) {
  double best = 0;
  bool any_idle = false;
  for (std::uint32_t i = 0; i < room.devices.size(); ++i) {
    auto const& d = room.devices[i];
    bool const alike = d.idle && any_idle && room.uniform;
    if (alike || !has_room(s, d))
      continue;
    any_idle = any_idle || d.idle;
    auto const value = prefers(s, room, i);
    if (!chosen_.empty() && value >= best)
      continue;
    best = value;
    chosen_.assign(1, i);
  }
  if (chosen_.empty())
    return false;
  add(s, room.devices[chosen_[0]], what);
  return true;
}

bool placement_score::take_whole(shape const& s, node_room const& room, taken& what) {
  auto const count = static_cast<std::size_t>(s.key.resources.gpu_count);
  if (room.idle_devices < count)
    return false;
  if (room.uniform) {
    auto const c = room.first_class;
    if (!s.needs[c].serves)
      return false;
    what.idle_devices = static_cast<std::uint32_t>(count);
    what.gpu_milli = 1000 * static_cast<std::int64_t>(count);
    what.memory_mb = classes_[c].memory_mb * static_cast<std::int64_t>(count);
    what.scarcity = demand_.classes[c].scarcity * static_cast<double>(count);
    return true;
  }
  for (std::uint32_t i = 0; i < room.devices.size(); ++i)
    if (has_room(s, room.devices[i]))
      chosen_.push_back(i);
  if (chosen_.size() < count)
    return false;
  // The least scarce first, then the smallest that serve.
  auto const dear = [&](std::uint32_t i) {
    auto const c = room.devices[i].device_class;
    auto const scarcity = policy_ == placement_policy::balanced ? demand_.classes[c].scarcity : 0;
    return std::tuple(scarcity, classes_[c].memory_mb, i);
  };
  std::sort(chosen_.begin(), chosen_.end(), [&](auto a, auto b) { return dear(a) < dear(b); });
  prefer_linked(room, count);
  chosen_.resize(count);
  for (auto const i : chosen_)
    add(s, room.devices[i], what);
  return true;
}

/// Several devices are taken from one group of NVLink where one has as many of the class that comes
/// first: from the one with the fewest, so that large groups stay whole.
void placement_score::prefer_linked(node_room const& room, std::size_t count) {
  if (count < 2)
    return;
  auto const of_first = room.devices[chosen_.front()].device_class;
  std::map<std::uint32_t, std::size_t> free;
  for (auto const i : chosen_)
    if (auto const& d = room.devices[i]; d.link_group != 0 && d.device_class == of_first)
      ++free[d.link_group];
  std::pair<std::size_t, std::uint32_t> best{0, 0};
  for (auto const& [group, devices] : free)
    if (devices >= count && (best.second == 0 || devices < best.first))
      best = {devices, group};
  if (best.second != 0)
    std::stable_partition(chosen_.begin(), chosen_.end(), [&](std::uint32_t i) {
      return room.devices[i].link_group == best.second;
    });
}

bool placement_score::take(shape const& s, node_room const& room, taken& what) {
  chosen_.clear();
  if (!s.wants_gpu())
    return true;
  return s.shares_gpu() ? take_share(s, room, what) : take_whole(s, room, what);
}

rating placement_score::rate(shape const& s, node_room const& room) {
  auto const& r = s.key.resources;
  if (r.cpu.value > room.cpu || r.memory_mb > room.memory_mb)
    return no_room;
  taken what;
  if (!take(s, room, what))
    return no_room;
  switch (policy_) {
    case placement_policy::balanced:
      return balanced(s, room, what);
    case placement_policy::fgd:
      return fgd(s, room);
    case placement_policy::best_fit:
      return best_fit(s, room, what);
    case placement_policy::packing:
      return packing(s, room, what);
    case placement_policy::spread:
      return spread(s, room, what);
    case placement_policy::cheapest:
      return cheapest(s, room, what);
    case placement_policy::random:
      break;
  }
  return 0;
}

/// What the node leaves unused, when single devices leave `hole`.
double placement_score::unused(node_room const& room, double hole, taken const& what,
                               std::int64_t cpu) const {
  // On a node of several classes the first one stands for all where the node as a whole is meant.
  auto const& c = demand_.classes[room.first_class];
  auto const free = static_cast<double>(room.gpu_milli - what.gpu_milli) / 1000;
  auto const usable = free - hole - c.too_few_with(room.idle_devices - what.idle_devices);
  return free - usable * c.enough_cpu_with(cpu);
}

room_value const& placement_score::value_of(node_room const& room) {
  auto& value = room.value;
  if (value.demand_version == demand_.version)
    return value;
  value = {demand_.version, 0, 0};
  if (room.first_class == none)
    return value;
  if (policy_ == placement_policy::fgd) {
    after_.clear();
    for (auto const& d : room.devices)
      after_.push_back(d.free_milli);
    value.unused = fragmentation(room, room.cpu, room.gpu_milli);
    return value;
  }
  for (auto const& d : room.devices)
    value.hole += hole(d);
  value.unused = unused(room, value.hole, {}, room.cpu);
  return value;
}

rating placement_score::balanced(shape const& s, node_room const& room, taken const& what) {
  auto const& before = value_of(room);
  auto const cpu_after = room.cpu - s.key.resources.cpu.value;
  auto const milli_after = room.gpu_milli - what.gpu_milli;
  // More than 0: GPUs that stranded cpu would serve; less: stranded GPUs.
  auto const over = [&](std::int64_t cpu, std::int64_t gpu_milli) {
    return static_cast<double>(cpu) * gpus_per_cpu_ - static_cast<double>(gpu_milli) / 1000;
  };
  auto const stranded = [](double over) { return over < 0 ? -over : weight_of_cpu * over; };
  auto cost = stranded(over(cpu_after, milli_after)) - stranded(over(room.cpu, room.gpu_milli)) +
              weight_of_scarcity * what.scarcity;
  if (room.first_class != none)
    cost +=
        weight_of_unused * (unused(room, before.hole + what.hole, what, cpu_after) - before.unused);
  // For the last tie: cpu jobs keep away from free GPUs, others take the smallest that serve.
  return in_order(steps_of(cost), s.wants_gpu() ? what.memory_mb : room.gpu_milli);
}

/// All that the frequent requests could not use of a node, weighted by their frequency. What is
/// free on the devices is in `after_`.
double placement_score::fragmentation(node_room const& room, std::int64_t cpu,
                                      std::int64_t gpu_milli) const {
  if (room.first_class == none)
    return 0;
  double usable = 0;
  for (auto const& t : demand_.classes[room.first_class].typical) {
    if (t.cpu > cpu)
      continue;
    std::int32_t devices = 0;
    std::int64_t milli = 0;
    for (auto const free : after_)
      if (free >= t.milli) {
        ++devices;
        milli += free;
      }
    if (devices >= t.devices)
      usable += static_cast<double>(t.part) * static_cast<double>(milli);
  }
  return (static_cast<double>(gpu_milli) - usable) / 1000;
}

rating placement_score::fgd(shape const& s, node_room const& room) {
  auto const before = value_of(room).unused;
  after_.clear();
  for (auto const& d : room.devices)
    after_.push_back(d.free_milli);
  auto const growth = fragmentation_with(s, room) - before;
  return static_cast<rating>(100 - std::floor(100 / (1 + std::exp(growth))));
}

/// After the request is placed; a share on the device where it grows least.
double placement_score::fragmentation_with(shape const& s, node_room const& room) {
  auto const cpu = room.cpu - s.key.resources.cpu.value;
  if (!s.shares_gpu()) {
    auto left = s.key.resources.gpu_count;
    std::int64_t taken_milli = 0;
    for (std::uint32_t i = 0; i < room.devices.size() && left > 0; ++i) {
      bool const takes = room.uniform
                             ? room.devices[i].idle
                             : std::find(chosen_.begin(), chosen_.end(), i) != chosen_.end();
      if (!takes)
        continue;
      taken_milli += after_[i];
      after_[i] = 0;
      --left;
    }
    return fragmentation(room, cpu, room.gpu_milli - taken_milli);
  }
  double least = 0;
  bool any = false;
  for (std::uint32_t i = 0; i < room.devices.size(); ++i) {
    auto const& d = room.devices[i];
    if (!has_room(s, d))
      continue;
    auto const milli = s.needs[d.device_class].milli;
    after_[i] -= milli;
    auto const value = fragmentation(room, cpu, room.gpu_milli - milli);
    after_[i] += milli;
    if (any && value > least - 1e-9)
      continue;
    any = true;
    least = value;
    chosen_.assign(1, i);
  }
  return least;
}

/// The mean of the cpu and the GPUs left, as parts of the largest node's.
rating placement_score::best_fit(shape const& s, node_room const& room, taken const& what) const {
  auto const cpu = static_cast<double>(room.cpu - s.key.resources.cpu.value);
  auto const gpu = static_cast<double>(room.gpu_milli - what.gpu_milli);
  return static_cast<rating>(fine((most_cpu_ > 0 ? cpu / most_cpu_ : 0) / 2 +
                                      (most_gpu_milli_ > 0 ? gpu / most_gpu_milli_ : 0) / 2,
                                  40));
}

rating placement_score::packing(shape const& s, node_room const& room, taken const& what) const {
  std::int64_t const idle_node = room.in_use ? 0 : 1;
  return in_order(what.idle_devices * 2 + idle_node,
                  static_cast<std::int64_t>(best_fit(s, room, what)));
}

rating placement_score::spread(shape const& s, node_room const& room, taken const& what) const {
  auto const cpu = part_of(room.cpu - s.key.resources.cpu.value, room.all_cpu);
  auto const all_milli = 1000 * static_cast<std::int64_t>(room.devices.size());
  auto const gpu = s.wants_gpu() ? part_of(room.gpu_milli - what.gpu_milli, all_milli) : 1;
  return in_order(fine(1 - gpu, 20), fine(1 - cpu, 40));
}

/// The node's price for the largest part of its cpu, memory or GPUs that the request takes.
rating placement_score::cheapest(shape const& s, node_room const& room, taken const& what) const {
  auto const& r = s.key.resources;
  auto const part =
      std::max({part_of(r.cpu.value, room.all_cpu), part_of(r.memory_mb, room.all_memory_mb),
                part_of(what.gpu_milli, 1000 * static_cast<std::int64_t>(room.devices.size()))});
  constexpr double most = 1e12;
  auto const price = std::min(most, static_cast<double>(room.micro_usd_per_hour) * part);
  return static_cast<rating>(std::llround(price)) << 23 |
         static_cast<rating>(best_fit(s, room, what) >> 17);
}

std::vector<std::uint32_t> placement_score::choose(shape const& s, node_room const& room,
                                                   std::uint64_t draw) {
  taken what;
  if (!s.wants_gpu() || !take(s, room, what))
    return {};
  if (policy_ == placement_policy::fgd)
    fgd(s, room);
  if (policy_ == placement_policy::random || !s.shares_gpu()) {
    auto const count = static_cast<std::size_t>(s.key.resources.gpu_count);
    if (policy_ == placement_policy::random || room.uniform) {
      chosen_.clear();
      for (std::uint32_t i = 0; i < room.devices.size(); ++i)
        if (has_room(s, room.devices[i]))
          chosen_.push_back(i);
    }
    if (policy_ != placement_policy::random && room.uniform)
      prefer_linked(room, count);
    if (policy_ == placement_policy::random)
      std::rotate(chosen_.begin(),
                  chosen_.begin() + static_cast<std::ptrdiff_t>(draw % chosen_.size()),
                  chosen_.end());
    chosen_.resize(count);
  }
  return chosen_;
}

}  // namespace nsai::scheduling
