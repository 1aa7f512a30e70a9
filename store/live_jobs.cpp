#include "store/live_jobs.hpp"

namespace nsai::store {

std::optional<job_status> live_jobs::find(job_id job) const {
  auto const found = pages_.find(job.value >> 8);
  if (found == pages_.end() || found->second.statuses[job.value & 0xff] == absent)
    return std::nullopt;
  return static_cast<job_status>(found->second.statuses[job.value & 0xff]);
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

void live_jobs::keep() {
  before_.clear();
  kept_counts_ = counts_;
}

void live_jobs::undo() {
  for (auto entry = before_.rbegin(); entry != before_.rend(); ++entry)
    put(entry->first, entry->second);
  before_.clear();
  counts_ = kept_counts_;
}

void live_jobs::put(job_id job, std::optional<job_status> status) {
  auto const [found, made] = pages_.try_emplace(job.value >> 8);
  auto& slot = found->second.statuses[job.value & 0xff];
  found->second.used += (status ? 1 : 0) - (slot != absent ? 1 : 0);
  slot = status ? static_cast<std::uint8_t>(*status) : absent;
  if (found->second.used == 0)
    pages_.erase(found);
}

}  // namespace nsai::store
