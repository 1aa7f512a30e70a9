#include "store/live_jobs.hpp"

namespace nsai::store {

std::optional<job_status> live_jobs::find(job_id job) const {
  auto const found = pages_.find(job.value / page_size);
  if (found == pages_.end())
    return std::nullopt;
  auto const status = found->second.statuses[job.value % page_size];
  return status == absent ? std::nullopt : std::optional{static_cast<job_status>(status)};
}

void live_jobs::add(job_id job, job_status status) {
  ++counts_[static_cast<std::size_t>(status)];
  if (is_terminal(status))
    return;
  before_.emplace_back(job, std::nullopt);
  put(job, status);
}

void live_jobs::change(job_id job, job_status status) {
  auto const old = find(job);
  if (!old || *old == status)
    return;
  --counts_[static_cast<std::size_t>(*old)];
  ++counts_[static_cast<std::size_t>(status)];
  before_.emplace_back(job, old);
  put(job, is_terminal(status) ? std::nullopt : std::optional(status));
}

std::vector<std::pair<std::uint64_t, bool>> live_jobs::changed_pages() const {
  std::vector<std::pair<std::uint64_t, bool>> list;
  list.reserve(turned_.size());
  for (auto const each : turned_)
    list.emplace_back(each, pages_.contains(each));
  return list;
}

void live_jobs::keep() {
  before_.clear();
  turned_.clear();
  kept_counts_ = counts_;
}

void live_jobs::undo() {
  for (auto entry = before_.rbegin(); entry != before_.rend(); ++entry)
    put(entry->first, entry->second);
  before_.clear();
  turned_.clear();
  counts_ = kept_counts_;
}

void live_jobs::put(job_id job, std::optional<job_status> status) {
  auto const number = job.value / page_size;
  auto const [found, made] = pages_.try_emplace(number);
  auto& slot = found->second.statuses[job.value % page_size];
  found->second.used += (status ? 1 : 0) - (slot != absent ? 1 : 0);
  slot = status ? static_cast<std::uint8_t>(*status) : absent;
  bool const empty = found->second.used == 0;
  if (made != empty && !turned_.erase(number))
    turned_.insert(number);
  if (empty)
    pages_.erase(found);
}

}  // namespace nsai::store
