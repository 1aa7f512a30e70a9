#pragma once

#include <algorithm>
#include <vector>

#include "scheduling/indices.hpp"

namespace nsai::scheduling {

/// A set of shapes that is quick to ask, to walk (in order of joining) and to compare with another.
class shape_set {
 public:
  bool contains(shape_index shape) const {
    return shape / 64 < bits_.size() && (bits_[shape / 64] >> (shape % 64) & 1) != 0;
  }
  bool empty() const { return list_.empty(); }
  std::vector<shape_index> const& list() const { return list_; }
  /// Whether some shape is in both.
  bool meets(shape_set const& other) const {
    auto const words = std::min(bits_.size(), other.bits_.size());
    for (std::size_t i = 0; i < words; ++i)
      if ((bits_[i] & other.bits_[i]) != 0)
        return true;
    return false;
  }
  void add(shape_index shape) {
    if (contains(shape))
      return;
    if (bits_.size() <= shape / 64)
      bits_.resize(shape / 64 + 1);
    bits_[shape / 64] |= std::uint64_t{1} << (shape % 64);
    list_.push_back(shape);
  }
  void remove(shape_index shape) {
    if (!contains(shape))
      return;
    bits_[shape / 64] &= ~(std::uint64_t{1} << (shape % 64));
    std::erase(list_, shape);
  }
  template <class Keep>
  void keep_if(Keep&& keep) {
    std::erase_if(list_, [&](shape_index shape) {
      if (keep(shape))
        return false;
      bits_[shape / 64] &= ~(std::uint64_t{1} << (shape % 64));
      return true;
    });
  }

 private:
  std::vector<std::uint64_t> bits_;
  std::vector<shape_index> list_;
};

}  // namespace nsai::scheduling
