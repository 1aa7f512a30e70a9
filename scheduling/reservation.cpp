#include "scheduling/reservation.hpp"

#include <algorithm>

#include "scheduling/assert.hpp"

namespace nsai::scheduling {

void reservation_book::remove(job_id job) {
  std::erase_if(list_, [&](reservation const& r) { return r.job == job; });
}

reservation const& reservation_book::of(job_id job) const {
  auto const found =
      std::find_if(begin(), end(), [&](reservation const& r) { return r.job == job; });
  NSAI_ASSERT(found != end());
  return *found;
}

reservation const* reservation_book::on(node_index node) const {
  auto const found =
      std::find_if(begin(), end(), [&](reservation const& r) { return r.node == node; });
  return found == end() ? nullptr : &*found;
}

bool reservation_book::has_aged() const {
  return std::any_of(begin(), end(), [](reservation const& r) { return r.aged; });
}

bool reservation_book::is_full(std::size_t most, priority level) const {
  return size() >= most &&
         std::none_of(begin(), end(), [&](reservation const& r) { return r.level > level; });
}

}  // namespace nsai::scheduling
