#include "scheduling/request_mix.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace nsai::scheduling {
namespace {

constexpr std::size_t most_entries = 1024;
constexpr std::size_t most_cpu_steps = 4096;  // 512 cores
constexpr double most_weight = 1e12;

/// A change of what was learned that is not worth scoring every node anew.
constexpr double noise = 0.02;
constexpr double noise_of_scarcity = 0.1;  // it is off by more while a model is asked for seldom

bool differ(std::vector<float> const& a, std::vector<float> const& b, double by) {
  auto const n = std::max(a.size(), b.size());
  for (std::size_t i = 0; i < n; ++i)
    if (std::abs((i < a.size() ? a[i] : 0) - (i < b.size() ? b[i] : 0)) > by)
      return true;
  return false;
}

bool differ(class_demand const& a, class_demand const& b) {
  if (std::abs(a.scarcity - b.scarcity) > noise_of_scarcity * std::max(1.F, a.scarcity))
    return true;
  for (std::size_t f = 0; f < a.hole.size(); ++f)
    if (std::abs(a.hole[f] - b.hole[f]) > noise)
      return true;
  return differ(a.too_few, b.too_few, noise) || a.enough_cpu.size() != b.enough_cpu.size() ||
         differ(a.enough_cpu, b.enough_cpu, noise);
}

bool differ(demand const& a, demand const& b) {
  if (std::abs(a.cpu_per_gpu - b.cpu_per_gpu) > noise * a.cpu_per_gpu ||
      a.classes.size() != b.classes.size())
    return true;
  for (std::size_t c = 0; c < a.classes.size(); ++c)
    if (differ(a.classes[c], b.classes[c]))
      return true;
  return false;
}

}  // namespace

std::size_t request_mix::key_hash::operator()(key const& k) const noexcept {
  std::size_t h = std::hash<std::string>{}(k.model);
  for (std::int64_t const part :
       {k.cpu, k.gpu_memory_mb, std::int64_t{k.devices}, std::int64_t{k.milli}})
    h = (h ^ static_cast<std::size_t>(part)) * 0x9e3779b97f4a7c15ULL + (h >> 29);
  return h;
}

request_mix::key::key(resources const& r) : cpu(r.cpu.value), devices(r.gpu_count) {
  if (devices == 0)
    return;
  milli = static_cast<std::int32_t>(r.gpu_share.value);
  gpu_memory_mb = r.gpu_memory_mb;
  model = r.gpu;
}

bool request_mix::key::is(resources const& r) const {
  return cpu == r.cpu.value && devices == r.gpu_count &&
         (devices == 0 ||
          (milli == r.gpu_share.value && gpu_memory_mb == r.gpu_memory_mb && model == r.gpu));
}

void request_mix::note(resources const& r, std::uint32_t& slot) {
  static double const growth = std::exp2(1 / half_life);
  if (slot >= entries_.size() || !entries_[slot].asks.is(r)) {
    if (entries_.size() >= most_entries)
      forget_rare();
    auto const next = static_cast<std::uint32_t>(entries_.size());
    auto const [at, is_new] = index_.try_emplace(key{r}, next);
    if (is_new)
      entries_.push_back({at->first});
    slot = at->second;
  }
  entries_[slot].weight += weight_;
  ++noted_;
  weight_ *= growth;
  if (weight_ < most_weight)
    return;
  for (auto& e : entries_)
    e.weight /= weight_;
  weight_ = 1;
}

/// Whoever varies its requests without end keeps the frequent ones only.
void request_mix::forget_rare() {
  std::nth_element(entries_.begin(), entries_.begin() + most_entries / 2, entries_.end(),
                   [](entry const& a, entry const& b) { return a.weight > b.weight; });
  entries_.erase(entries_.begin() + most_entries / 2, entries_.end());
  index_.clear();
  for (std::uint32_t i = 0; i < entries_.size(); ++i)
    index_.emplace(entries_[i].asks, i);
}

void request_mix::judge_classes(cluster const& nodes) {
  auto const& classes = nodes.device_classes();
  for (auto& e : entries_)
    for (auto c = e.served_by.size(); c < classes.size(); ++c)
      e.served_by.push_back(e.asks.devices > 0 && e.asks.gpu_memory_mb <= classes[c].memory_mb &&
                            gpu_model_matches(e.asks.model, nodes.models[classes[c].model]));
}

/// Whether the cluster is another than that of which was learned, by more than a few nodes of many.
bool request_mix::has_changed(cluster const& nodes) const {
  auto const apart = [](std::int64_t now, std::int64_t then) {
    return std::abs(now - then) * 20 > std::max<std::int64_t>(1, then);
  };
  auto const& now = nodes.device_classes();
  if (now.size() != of_classes_.size() || apart(nodes.cpus(), of_cpus_))
    return true;
  for (std::size_t c = 0; c < now.size(); ++c)
    if (apart(now[c].devices, of_classes_[c].devices))
      return true;
  return false;
}

demand const& request_mix::learned(cluster const& nodes) {
  bool const another = cluster_epoch_ != nodes.epoch && has_changed(nodes);
  cluster_epoch_ = nodes.epoch;
  if (noted_ < renew_at_ && !another && learned_.version > 0)
    return learned_;
  of_classes_ = nodes.device_classes();
  of_cpus_ = nodes.cpus();
  // At first everything is news; later it takes a good part of the memory to change anything.
  renew_at_ = noted_ + std::clamp(noted_ / 4, 1.0, half_life / 8);
  judge_classes(nodes);
  auto now = learn(nodes);
  if (learned_.version == 0 || differ(learned_, now)) {
    now.version = learned_.version + 1;
    learned_ = std::move(now);
  }
  return learned_;
}

demand request_mix::learn(cluster const& nodes) const {
  auto const& classes = nodes.device_classes();
  demand to;
  to.classes.resize(classes.size());
  double devices_there = 0;
  for (auto const& c : classes)
    devices_there += static_cast<double>(c.devices);
  double gpus = prior_gpus;
  double const cores_there = static_cast<double>(nodes.cpus());
  double cpu = devices_there > 0 ? prior_gpus * cores_there / devices_there : 0;
  std::vector<double> bound(classes.size());  // GPUs, for each device of the class
  for (auto const& e : entries_) {
    auto const part = e.weight / weight_;
    auto const wants = part * e.asks.devices * e.asks.milli / 1000;
    gpus += wants;
    cpu += e.asks.devices > 0 ? part * static_cast<double>(e.asks.cpu) : 0;
    double serve = 0;
    for (std::size_t c = 0; c < classes.size(); ++c)
      serve += e.served_by[c] ? static_cast<double>(classes[c].devices) : 0;
    if (serve <= 0 || serve >= devices_there)
      continue;
    for (std::size_t c = 0; c < classes.size(); ++c)
      bound[c] += e.served_by[c] ? wants / serve : 0;
  }
  to.cpu_per_gpu = std::max(1.0, cpu / gpus);
  auto const typical = typical_parts();
  for (device_class_index c = 0; c < classes.size(); ++c) {
    to.classes[c].scarcity = static_cast<float>(bound[c] * devices_there / gpus);
    learn_class(c, typical, to.classes[c]);
  }
  return to;
}

/// As published: the most frequent requests that make up 95 % of all, and what part of these each
/// is.
std::vector<float> request_mix::typical_parts() const {
  std::vector<std::uint32_t> order(entries_.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
    return entries_[a].weight > entries_[b].weight;
  });
  double all = 0;
  for (auto const& e : entries_)
    all += e.weight;
  double taken = 0;
  std::vector<float> parts(entries_.size());
  for (auto at = order.begin(); at != order.end() && taken < 0.95 * all; ++at) {
    parts[*at] = static_cast<float>(entries_[*at].weight);
    taken += entries_[*at].weight;
  }
  for (auto& part : parts)
    part /= static_cast<float>(taken);
  return parts;
}

void request_mix::learn_class(device_class_index c, std::vector<float> const& typical,
                              class_demand& to) const {
  std::array<double, 1001> by_milli{};
  std::vector<double> by_devices;
  std::vector<double> by_cpu;
  double served = 0;
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    auto const& e = entries_[i];
    if (!e.served_by[c])
      continue;
    auto const part = e.weight / weight_;
    served += part;
    by_milli[static_cast<std::size_t>(std::clamp(e.asks.milli, 0, 1000))] += part;
    auto const devices = static_cast<std::size_t>(e.asks.devices);
    if (devices > 1) {
      by_devices.resize(std::max(by_devices.size(), devices + 1));
      by_devices[devices] += part;
    }
    auto const steps = std::min(
        most_cpu_steps - 1, static_cast<std::size_t>((e.asks.cpu + to.cpu_step - 1) / to.cpu_step));
    by_cpu.resize(std::max(by_cpu.size(), steps + 1));
    by_cpu[steps] += part;
    if (typical[i] > 0)
      to.typical.push_back({e.asks.cpu, e.asks.devices, e.asks.milli, typical[i]});
  }
  if (served <= 0)
    return;
  double within = 0;
  for (std::size_t f = 0; f < by_milli.size(); ++f) {
    within += by_milli[f];
    to.hole[f] = static_cast<float>(static_cast<double>(f) / 1000 * (1 - within / served));
  }
  double more = 0;
  for (auto const part : by_devices)
    more += part;
  for (std::size_t idle = 0; idle < by_devices.size(); ++idle) {
    more -= by_devices[idle];
    to.too_few.push_back(static_cast<float>(static_cast<double>(idle) * more / served));
  }
  double enough = 0;
  for (auto const part : by_cpu)
    to.enough_cpu.push_back(static_cast<float>((enough += part) / served));
}

}  // namespace nsai::scheduling
