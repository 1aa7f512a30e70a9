#include "scheduling/shapes.hpp"

#include <algorithm>

#include "scheduling/assert.hpp"

namespace nsai::scheduling {

void shape::add_candidate(node_index node) {
  if (!look_everywhere && std::find(candidates.begin(), candidates.end(), node) == candidates.end())
    candidates.push_back(node);
}

bool shape::matches_model(model_index index, std::string const& model) {
  if (matches.size() <= index)
    matches.resize(index + 1, -1);
  if (matches[index] < 0)
    matches[index] = gpu_model_matches(key.resources.gpu, model) ? 1 : 0;
  return matches[index] == 1;
}

shape_index shape_table::intern(shape_key const& key) {
  // Most submissions ask for what the one before them asked for.
  if (latest_ != none && shapes_[latest_].jobs > 0 && shapes_[latest_].key == key)
    return latest_;
  if (auto const at = index_.find(key); at != index_.end())
    return latest_ = at->second;
  if (free_.empty()) {
    latest_ = static_cast<shape_index>(shapes_.size());
    shapes_.emplace_back();
  } else {
    latest_ = free_.back();
    free_.pop_back();
    shapes_[latest_] = shape{};
  }
  shapes_[latest_].key = key;
  index_.emplace(key, latest_);
  return latest_;
}

void shape_table::release(shape_index index) {
  auto& s = shapes_[index];
  NSAI_ASSERT(s.jobs > 0);
  if (--s.jobs > 0)
    return;
  NSAI_ASSERT(s.waiting == 0);
  index_.erase(s.key);
  s = shape{};
  free_.push_back(index);
  if (latest_ == index)
    latest_ = none;
}

}  // namespace nsai::scheduling
