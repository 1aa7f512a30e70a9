#include "scheduling/group_book.hpp"

#include <algorithm>
#include <tuple>

#include "scheduling/assert.hpp"

namespace nsai::scheduling {

bool group_book::place_less::operator()(ready_queues::place const& a,
                                        ready_queues::place const& b) const {
  return std::tie(a.level, a.tenant, a.owner, a.shape) <
         std::tie(b.level, b.tenant, b.owner, b.shape);
}

std::size_t group_book::entry::free() const {
  auto const taken = static_cast<std::int64_t>(running.size());
  return static_cast<std::size_t>(std::max<std::int64_t>(0, places - taken));
}

void group_book::rewire() {
  for (auto& [name, e] : groups_)
    for (auto const& [where, l] : e.lines)
      for (auto const* const jobs : {&l.offered, &l.parked})
        for (auto const& [order, c] : *jobs)
          waiting_.at(c.job).of = &e;
}

std::int64_t group_book::places(name const& group) const {
  auto const found = groups_.find(group);
  return found == groups_.end() ? 0 : found->second.places;
}

void group_book::join(name const& group, std::int64_t places) {
  auto& e = groups_[group];
  if (e.live++ == 0)
    e.places = places;
}

void group_book::leave(name const& group) {
  auto const found = groups_.find(group);
  NSAI_ASSERT(found != groups_.end() && found->second.live > 0);
  if (--found->second.live > 0)
    return;
  NSAI_ASSERT(found->second.running.empty() && found->second.lines.empty());
  groups_.erase(found);
}

void group_book::wait(name const& group, candidate c, moves& to) {
  auto& e = groups_.at(group);
  auto& l = e.lines[c.where];
  waiting_[c.job] = {&e, c.where, c.order};
  // It may stand before some that are offered: one that was handed back goes first.
  bool const ahead = !l.offered.empty() && c.order < l.offered.rbegin()->first;
  if (ahead) {
    to.offered.push_back(c);
    l.offered.emplace(c.order, std::move(c));
  } else {
    ++parked_at(c.where);
    l.parked.emplace(c.order, std::move(c));
  }
  balance(l, e.free(), to);
}

void group_book::take_out(job_id job, waiting const& from) {
  auto const at = from.of->lines.find(from.where);
  if (at->second.parked.erase(from.order) > 0)
    --parked_at(from.where);
  else
    at->second.offered.erase(from.order);
  if (at->second.parked.empty() && at->second.offered.empty())
    from.of->lines.erase(at);
  waiting_.erase(job);
}

void group_book::give_up(job_id job, moves& to) {
  auto const found = waiting_.find(job);
  if (found == waiting_.end())
    return;
  auto const from = found->second;
  take_out(job, from);
  if (auto const at = from.of->lines.find(from.where); at != from.of->lines.end())
    balance(at->second, from.of->free(), to);
}

void group_book::start(name const& group, job_id job, moves& to) {
  auto& e = groups_.at(group);
  if (auto const found = waiting_.find(job); found != waiting_.end()) {
    auto const from = found->second;
    take_out(job, from);
  }
  e.running.insert(job);
  balance(e, to);
}

void group_book::stop(name const& group, job_id job, moves& to) {
  auto& e = groups_.at(group);
  e.running.erase(job);
  balance(e, to);
}

void group_book::balance(entry& e, moves& to) {
  auto const free = e.free();
  for (auto& [where, l] : e.lines)
    balance(l, free, to);
}

void group_book::balance(line& l, std::size_t free, moves& to) {
  while (l.offered.size() > free) {
    auto last = l.offered.extract(std::prev(l.offered.end()));
    to.withdrawn.push_back(last.mapped().job);
    ++parked_at(last.mapped().where);
    l.parked.insert(std::move(last));
  }
  while (l.offered.size() < free && !l.parked.empty()) {
    auto first = l.parked.extract(l.parked.begin());
    to.offered.push_back(first.mapped());
    --parked_at(first.mapped().where);
    l.offered.insert(std::move(first));
  }
}

bool group_book::is_parked(job_id job) const {
  auto const found = waiting_.find(job);
  if (found == waiting_.end())
    return false;
  auto const& from = found->second;
  return from.of->lines.at(from.where).parked.contains(from.order);
}

std::string group_book::reason(name const& group) const {
  constexpr std::size_t most_named = 5;
  auto const& e = groups_.at(group);
  std::string list;
  std::size_t named = 0;
  for (auto const job : e.running) {
    if (named++ == most_named) {
      list += ", ...";
      break;
    }
    list += (list.empty() ? "" : ", ") + std::to_string(job.value);
  }
  // One may be parked behind others of its line while places are free.
  std::string const which = e.running.empty()       ? ""
                            : e.running.size() == 1 ? ": job " + list
                                                    : ": jobs " + list;
  return "waiting for a place in group " + group.second + " (" + std::to_string(e.running.size()) +
         " of " + std::to_string(e.places) + " running" + which + ")";
}

bool group_book::holds(name const& group, std::set<job_id> const& jobs) const {
  auto const found = groups_.find(group);
  return found == groups_.end() ? jobs.empty() : found->second.running == jobs;
}

void group_book::check() const {
  std::size_t all = 0;
  std::array<std::int64_t, priority_levels> parked{};
  for (auto const& [group, e] : groups_) {
    NSAI_ASSERT(e.live > 0 && e.places > 0);
    NSAI_ASSERT(static_cast<std::int64_t>(e.running.size()) <= e.places);
    for (auto const& [where, l] : e.lines) {
      NSAI_ASSERT(l.offered.size() + l.parked.size() > 0);
      NSAI_ASSERT(l.offered.size() <= e.free());
      NSAI_ASSERT(l.parked.empty() || l.offered.size() == e.free());
      NSAI_ASSERT(l.parked.empty() || l.offered.empty() ||
                  l.offered.rbegin()->first < l.parked.begin()->first);
      all += l.offered.size() + l.parked.size();
      parked[static_cast<std::size_t>(where.level)] += static_cast<std::int64_t>(l.parked.size());
      for (auto const* const part : {&l.offered, &l.parked})
        for (auto const& [order, c] : *part)
          NSAI_ASSERT(waiting_.at(c.job).order == order && waiting_.at(c.job).of == &e);
    }
  }
  NSAI_ASSERT(all == waiting_.size());
  NSAI_ASSERT(parked == parked_);
}

}  // namespace nsai::scheduling
