#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "scheduling/indices.hpp"

namespace nsai::scheduling {

/// A set of shapes that is quick to ask, to walk (in order of joining) and to compare with another.
class shape_set {
 public:
  bool contains(shape_index shape) const {
    if (shape < 64)
      return (low_ >> shape & 1) != 0;
    auto const at = shape / 64 - 1;
    return at < high_.size() && (high_[at] >> (shape % 64) & 1) != 0;
  }
  bool empty() const { return list_.empty(); }
  std::vector<shape_index> const& list() const { return list_; }
  /// Whether some shape is in both.
  bool meets(shape_set const& other) const {
    if ((low_ & other.low_) != 0)
      return true;
    auto const words = std::min(high_.size(), other.high_.size());
    for (std::size_t i = 0; i < words; ++i)
      if ((high_[i] & other.high_[i]) != 0)
        return true;
    return false;
  }
  /// A bit for each shape, modulo 64: sets without a common bit have no common shape.
  std::uint64_t glance() const {
    auto bits = low_;
    for (auto const word : high_)
      bits |= word;
    return bits;
  }
  void add(shape_index shape) {
    if (contains(shape))
      return;
    flip(shape);
    list_.push_back(shape);
  }
  void remove(shape_index shape) {
    if (!contains(shape))
      return;
    flip(shape);
    std::erase(list_, shape);
  }
  template <class Keep>
  void keep_if(Keep&& keep) {
    std::erase_if(list_, [&](shape_index shape) {
      if (keep(shape))
        return false;
      flip(shape);
      return true;
    });
  }

 private:
  void flip(shape_index shape) {
    if (shape >= 64 && high_.size() < shape / 64)
      high_.resize(shape / 64);
    (shape < 64 ? low_ : high_[shape / 64 - 1]) ^= std::uint64_t{1} << (shape % 64);
  }

  std::uint64_t low_ = 0;            // a bit for each of the shapes below 64: mostly all there are
  std::vector<std::uint64_t> high_;  // for the others
  std::vector<shape_index> list_;
};

}  // namespace nsai::scheduling
