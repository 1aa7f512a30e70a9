#include "scheduling/shapes.hpp"

#include <algorithm>

#include "scheduling/assert.hpp"

namespace nsai::scheduling {

bool shape::matches_model(model_index index, std::string const& model) {
  if (matches.size() <= index)
    matches.resize(index + 1, -1);
  if (matches[index] < 0)
    matches[index] = gpu_model_matches(key.resources.gpu, model) &&
                             (key.resources.gpu_count < 2 || !is_instance_model(model))
                         ? 1
                         : 0;
  return matches[index] == 1;
}

std::size_t shape_key_hash::operator()(shape_key const& key) const noexcept {
  auto const& r = key.resources;
  std::size_t h = (key.timed ? 1U : 0U) + (key.preemptible ? 2U : 0U) + (key.retried ? 4U : 0U);
  auto const mix = [&h](std::size_t part) { h = (h ^ part) * 0x9e3779b97f4a7c15ULL + (h >> 29); };
  mix(key.stage);
  mix(static_cast<std::size_t>(key.bound_ms));
  mix(static_cast<std::size_t>(key.expect_ms));
  mix(key.tenant);
  mix(static_cast<std::size_t>(key.nodes));
  mix(static_cast<std::size_t>(r.cpu.value));
  mix(static_cast<std::size_t>(r.memory_mb));
  mix(std::hash<std::string>{}(r.gpu));
  mix(static_cast<std::size_t>(r.gpu_count));
  mix(static_cast<std::size_t>(r.gpu_memory_mb));
  mix(static_cast<std::size_t>(r.gpu_share.value));
  for (auto const& [name, value] : r.node_labels) {
    mix(std::hash<std::string>{}(name));
    mix(std::hash<std::string>{}(value));
  }
  return h;
}

shape_index shape_table::intern(shape_key const& key) {
  auto const hash = shape_key_hash{}(key);
  auto const [first, last] = by_hash_.equal_range(hash);
  for (auto at = first; at != last; ++at)
    if (shapes_[at->second].key == key)
      return at->second;
  shape_index index;
  if (free_.empty()) {
    index = static_cast<shape_index>(shapes_.size());
    shapes_.emplace_back();
  } else {
    index = free_.back();
    free_.pop_back();
    shapes_[index] = shape{};
  }
  shapes_[index].key = key;
  by_hash_.emplace(hash, index);
  return index;
}

void shape_table::release(shape_index index) {
  auto& s = shapes_[index];
  NSAI_ASSERT(s.jobs > 0);
  if (--s.jobs > 0)
    return;
  NSAI_ASSERT(s.waiting == 0);
  auto const [first, last] = by_hash_.equal_range(shape_key_hash{}(s.key));
  by_hash_.erase(std::find_if(first, last, [&](auto const& e) { return e.second == index; }));
  s = shape{};
  free_.push_back(index);
}

void shape_table::add_waiting(shape_index index) {
  auto& s = shapes_[index];
  if (s.waiting++ > 0)
    return;
  auto const& r = s.key.resources;
  auto const whole_gpus = s.shares_gpu() ? 0 : static_cast<std::uint32_t>(r.gpu_count);
  s.waits_at = static_cast<std::uint32_t>(waiting_.size());
  waiting_.push_back({r.cpu.value, r.memory_mb, whole_gpus, index});
  s.open_everywhere();
  open_.add(index);
}

void shape_table::drop_waiting(shape_index index) {
  auto& s = shapes_[index];
  NSAI_ASSERT(s.waiting > 0);
  if (--s.waiting > 0)
    return;
  waiting_[s.waits_at] = waiting_.back();
  shapes_[waiting_[s.waits_at].shape].waits_at = s.waits_at;
  waiting_.pop_back();
  s.waits_at = none;
}

}  // namespace nsai::scheduling
