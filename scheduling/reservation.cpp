#include "scheduling/reservation.hpp"

#include <algorithm>

#include "scheduling/assert.hpp"

namespace nsai::scheduling {

void reservation_book::add(reservation r) {
  if (r.made == 0)
    r.made = ++last_made_;
  auto const at =
      std::upper_bound(begin(), end(), r,
                       [](reservation const& a, reservation const& b) { return a.made < b.made; });
  list_.insert(at, std::move(r));
}

void reservation_book::remove(job_id job) {
  std::erase_if(list_, [&](reservation const& r) { return r.job == job; });
}

void reservation_book::remove_on(node_index node) {
  std::erase_if(list_, [&](reservation const& r) { return r.node == node; });
}

reservation const& reservation_book::of(job_id job) const {
  auto const* const found = find(job);
  NSAI_ASSERT(found != nullptr);
  return *found;
}

reservation const* reservation_book::find(job_id job) const {
  auto const found =
      std::find_if(begin(), end(), [&](reservation const& r) { return r.job == job; });
  return found == end() ? nullptr : &*found;
}

std::vector<node_index> reservation_book::nodes_of(job_id job) const {
  std::vector<node_index> found;
  for (auto const& r : list_)
    if (r.job == job)
      found.push_back(r.node);
  return found;
}

void reservation_book::swap(job_id a, job_id b) {
  for (auto& r : list_)
    r.job = r.job == a ? b : r.job == b ? a : r.job;
}

/// Those of one job stand together.
std::size_t reservation_book::jobs() const {
  std::size_t count = 0;
  for (std::size_t i = 0; i < list_.size(); ++i)
    count += i == 0 || list_[i].job != list_[i - 1].job ? 1 : 0;
  return count;
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
  return jobs() >= most &&
         std::none_of(begin(), end(), [&](reservation const& r) { return r.level > level; });
}

}  // namespace nsai::scheduling
