#include "scheduling/recurrence_book.hpp"

namespace nsai::scheduling {

void recurrence_book::set(name const& of, cron_times const& times, timestamp next_at,
                          timestamp now) {
  erase(of);
  auto const at = next_at ? next_at : times.next(now);
  entries_.emplace(of, entry{times, at});
  order_.emplace(at, of);
}

void recurrence_book::erase(name const& of) {
  auto const found = entries_.find(of);
  if (found == entries_.end())
    return;
  order_.erase({found->second.next_at, of});
  entries_.erase(found);
}

std::vector<recurrence_book::due> recurrence_book::take_due(timestamp now) {
  std::vector<due> list;
  while (!order_.empty() && order_.begin()->first <= now) {
    auto const of = order_.begin()->second;
    order_.erase(order_.begin());
    auto& e = entries_.at(of);
    e.next_at = e.times.next(now);
    order_.emplace(e.next_at, of);
    list.push_back({of, e.next_at});
  }
  return list;
}

timestamp recurrence_book::next_of(name const& of) const {
  auto const found = entries_.find(of);
  return found == entries_.end() ? timestamp{} : found->second.next_at;
}

}  // namespace nsai::scheduling
