#include "scheduling/node_state.hpp"

#include <algorithm>
#include <limits>
#include <unordered_set>

#include "scheduling/assert.hpp"

namespace nsai::scheduling {

std::int64_t charge_of(std::int64_t share_milli, std::int64_t memory_mb,
                       std::int64_t device_memory_mb) {
  if (device_memory_mb <= 0)
    return share_milli;
  return std::max(share_milli, (memory_mb * 1000 + device_memory_mb - 1) / device_memory_mb);
}

device_state::device_state(gpu_info described, device_kind kind)
    : offered_mb_(static_cast<std::int32_t>(std::clamp<std::int64_t>(
          described.memory_mb, 0, std::numeric_limits<std::int32_t>::max()))),
      total_mb_(offered_mb_),
      rest_(details{std::move(described), kind.model, {}, {}}),
      index(rest_->info.index),
      link_group(rest_->info.link_group),
      device_class(kind.device_class) {}

void device_state::set_well(wellbeing w) {
  health_ = w.health;
  rest_->well = std::move(w);
}

void device_state::set_state(gpu_state now) {
  offered_mb_ =
      static_cast<std::int32_t>(std::clamp<std::int64_t>(total_mb_ - now.foreign_mb, 0, total_mb_));
  rest_->state = std::move(now);
}

void node_state::report_changes(node_index self, node_changes* changed) {
  self_ = self;
  changed_ = changed;
  changes();
}

void node_state::changes() {
  if (changed_ == nullptr)
    return;
  ++changed_->count;
  if (has_changed_)
    return;
  has_changed_ = true;
  changed_->nodes.push_back(self_);
}

void node_state::reset(node_info offered, std::vector<bool> stages_offered,
                       std::vector<device_kind> const& kinds) {
  clear();
  rests_until = {};
  well = {};
  one_at_a_time = avoids_retries = false;
  info = std::move(offered);
  stages = std::move(stages_offered);
  devices.clear();
  for (std::size_t i = 0; i < info.gpus.size(); ++i)
    devices.emplace_back(info.gpus[i], kinds[i]);
  free_devices_ = devices.size();
  uniform = is_uniform();
}

void node_state::add_device(gpu_info const& offered, device_kind kind) {
  changes();
  info.gpus.push_back(offered);
  devices.emplace_back(offered, kind);
  ++free_devices_;
  uniform = is_uniform();
}

bool node_state::is_uniform() const {
  return std::all_of(devices.begin(), devices.end(), [&](device_state const& d) {
    return d.device_class == devices[0].device_class && d.state().foreign_mb == 0;
  });
}

bool node_state::is_withheld() const {
  return one_at_a_time || well.health != place_health::sound ||
         std::any_of(devices.begin(), devices.end(),
                     [](auto const& d) { return d.well().health != place_health::sound; });
}

void node_state::set_well(std::size_t position, wellbeing w) {
  changes();
  auto& d = devices[position];
  free_devices_ -= d.is_free() ? 1 : 0;
  d.set_well(std::move(w));
  free_devices_ += d.is_free() ? 1 : 0;
}

bool node_state::set_state(std::size_t position, gpu_state now) {
  auto& d = devices[position];
  bool const differs = d.state().foreign_mb != now.foreign_mb;
  d.set_state(std::move(now));
  if (!differs)
    return false;
  changes();
  uniform = is_uniform();
  return true;
}

device_state const* node_state::device(std::uint32_t index) const {
  if (index < devices.size() && devices[index].index == index)
    return &devices[index];
  for (auto const& device : devices)
    if (device.index == index)
      return &device;
  return nullptr;
}

bool node_state::has_room(holding const& h) const {
  if (h.cpu > cpu_free() || h.memory_mb > memory_free())
    return false;
  return std::all_of(h.devices.begin(), h.devices.end(), [&](held_device const& grant) {
    auto const* const d = device(grant.index);
    return d != nullptr && d->charge + d->charge_of(grant.share_milli, grant.memory_mb) <= 1000 &&
           d->memory_mb + grant.memory_mb <= d->memory_total();
  });
}

void node_state::occupy(attempt_ref ref, holding const& h) {
  changes();
  cpu_used_ += h.cpu;
  memory_used_ += h.memory_mb;
  for (auto const& grant : h.devices) {
    auto* const d = device(grant.index);
    auto const charge = d->charge_of(grant.share_milli, grant.memory_mb);
    free_devices_ -= d->is_free() ? 1 : 0;
    d->uses.push_back({ref, h.tenant, charge, grant.memory_mb});
    d->charge = static_cast<std::int16_t>(d->charge + charge);
    d->memory_mb += grant.memory_mb;
    NSAI_ASSERT(d->charge <= 1000 && d->memory_mb <= d->memory_total());
  }
  NSAI_ASSERT(cpu_used_ <= info.cpus.value && memory_used_ <= info.memory_mb);
}

void node_state::vacate(attempt_ref ref, holding const& h) {
  changes();
  cpu_used_ -= h.cpu;
  memory_used_ -= h.memory_mb;
  for (auto const& grant : h.devices) {
    auto* const d = device(grant.index);
    d->prefetch_details();  // the next grant is mostly of what has just become free
    auto const use =
        std::find_if(d->uses.begin(), d->uses.end(), [&](auto const& u) { return u.ref == ref; });
    NSAI_ASSERT(use != d->uses.end());
    d->charge = static_cast<std::int16_t>(d->charge - use->charge);
    d->memory_mb -= use->memory_mb;
    d->uses.erase(use);
    free_devices_ += d->is_free() ? 1 : 0;
  }
}

holding const& node_state::hold(attempt_ref ref, holding h) {
  h.ahead = h.ahead || !has_room(h);
  if (h.ahead) {
    changes();
    ++ahead_;
    waiting_.push_back(ref);
  } else {
    occupy(ref, h);
  }
  auto const [at, is_new] = holdings_.emplace(ref, std::move(h));
  NSAI_ASSERT(is_new);
  return at->second;
}

holding const* node_state::find(attempt_ref ref) const {
  auto const at = holdings_.find(ref);
  return at == holdings_.end() ? nullptr : &at->second;
}

std::vector<device_grant> node_state::devices_of(attempt_ref ref) const {
  std::vector<device_grant> list;
  if (auto const* const held = find(ref))
    for (auto const& h : held->devices) {
      auto const* const d = device(h.index);
      auto const info = d != nullptr ? d->info() : gpu_info{h.index, {}, {}, 0, false};
      list.push_back(
          {info.index, info.uuid, info.model, h.memory_mb, h.share_milli, info.is_virtual});
    }
  return list;
}

void node_state::release(attempt_ref ref) {
  auto const at = holdings_.find(ref);
  if (at == holdings_.end())
    return;
  bool const waited = at->second.ahead;
  changes();
  if (waited)
    --ahead_;
  else
    vacate(ref, at->second);
  holdings_.erase(ref);  // by itself: the place after it is not looked for
  constexpr std::size_t small_table = 64;
  constexpr std::size_t nearly_empty = 32;  // places for each attempt, all of which `held` walks
  if (holdings_.bucket_count() > small_table &&
      holdings_.size() * nearly_empty < holdings_.bucket_count())
    holdings_.rehash(0);
  if (!waited && ahead_ > 0)
    move_up();
  if (waiting_.empty())
    return;
  if (ahead_ == 0)
    waiting_.clear();
  else if (waiting_.size() > 2 * ahead_ + 16)
    std::erase_if(waiting_, [&](attempt_ref const& w) {
      auto const* const h = find(w);
      return h == nullptr || !h->ahead;
    });
}

void node_state::move_up() {
  for (auto at = waiting_.begin(); at != waiting_.end() && ahead_ > 0;) {
    auto const found = holdings_.find(*at);
    bool const waits = found != holdings_.end() && found->second.ahead;
    if (waits && has_room(found->second)) {
      found.value().ahead = false;
      --ahead_;
      occupy(*at, found->second);
      at = waiting_.erase(at);
    } else if (!waits) {
      at = waiting_.erase(at);
    } else if (cpu_free() <= 0) {
      return;
    } else {
      ++at;
    }
  }
}

std::vector<attempt_ref> node_state::held() const {
  std::vector<attempt_ref> refs;
  refs.reserve(holdings_.size());
  for (auto const& [ref, h] : holdings_)
    refs.push_back(ref);
  std::sort(refs.begin(), refs.end());
  return refs;
}

void node_state::clear() {
  changes();
  holdings_.clear();
  waiting_.clear();
  cpu_used_ = memory_used_ = 0;
  ahead_ = 0;
  free_devices_ = 0;
  for (auto& device : devices) {
    device.charge = 0;
    device.memory_mb = 0;
    device.uses.clear();
    free_devices_ += device.is_free() ? 1 : 0;
  }
}

void node_state::check() const {
  std::int64_t cpu = 0;
  std::int64_t memory = 0;
  std::size_t waits = 0;
  std::size_t uses = 0;
  std::unordered_set<attempt_ref, attempt_ref_hash> const in_line(waiting_.begin(), waiting_.end());
  for (auto const& [ref, h] : holdings_) {
    if (h.ahead) {
      ++waits;
      NSAI_ASSERT(in_line.contains(ref));
      continue;
    }
    cpu += h.cpu;
    memory += h.memory_mb;
    uses += h.devices.size();
  }
  NSAI_ASSERT(cpu == cpu_used_ && cpu <= info.cpus.value);
  NSAI_ASSERT(memory == memory_used_ && memory <= info.memory_mb);
  NSAI_ASSERT(waits == ahead_);
  std::size_t free = 0;
  for (auto const& device : devices) {
    std::int64_t charge = 0;
    std::int64_t used_mb = 0;
    for (auto const& use : device.uses) {
      charge += use.charge;
      used_mb += use.memory_mb;
      auto const* const h = find(use.ref);
      NSAI_ASSERT(h != nullptr && !h->ahead);
    }
    NSAI_ASSERT(charge == device.charge && charge <= 1000);
    NSAI_ASSERT(used_mb == device.memory_mb && used_mb <= device.memory_total());
    uses -= device.uses.size();
    free += device.is_free() ? 1 : 0;
  }
  NSAI_ASSERT(uses == 0 && free == free_devices_);
}

}  // namespace nsai::scheduling
