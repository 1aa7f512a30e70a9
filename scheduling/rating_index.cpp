#include "scheduling/rating_index.hpp"

#include <algorithm>

namespace nsai::scheduling {
namespace {

// Together at most 64 MiB of ratings, two a node and request.
constexpr std::size_t most_ratings = std::size_t{4} << 20;
constexpr std::size_t least_requests = 64;

}  // namespace

rating_index::entry& rating_index::at(shape_key const& of, std::uint32_t& slot, std::size_t nodes) {
  if (slot < entries_.size() && entries_[slot].of == of)
    return entries_[slot];
  auto const known = index_.find(of);
  if (known != index_.end()) {
    slot = known->second;
    return entries_[slot];
  }
  slot = free_slot(nodes);
  auto& e = entries_[slot];
  index_.erase(e.of);
  e.of = of;
  e.version = 0;
  index_.emplace(of, slot);
  return e;
}

std::uint32_t rating_index::free_slot(std::size_t nodes) {
  auto const most = std::max(least_requests, most_ratings / std::max<std::size_t>(1, nodes));
  if (entries_.size() < most) {
    entries_.emplace_back();
    return static_cast<std::uint32_t>(entries_.size() - 1);
  }
  auto const oldest =
      std::min_element(entries_.begin(), entries_.end(),
                       [](entry const& a, entry const& b) { return a.asked < b.asked; });
  return static_cast<std::uint32_t>(oldest - entries_.begin());
}

}  // namespace nsai::scheduling
