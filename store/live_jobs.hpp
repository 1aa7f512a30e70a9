#pragma once

#include <array>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "messages/job.hpp"

namespace nsai::store {

/// The statuses of the unfinished jobs, so that a change knows what it changes without reading a
/// row, and how many jobs have each status. A byte a job, since numbers lie close together: pages
/// of 64 numbers, those without an unfinished job absent. Changes are tentative until `keep`;
/// `undo` takes them back.
class live_jobs {
 public:
  static constexpr std::uint64_t page_size = 64;
  using counts = std::array<std::int64_t, 7>;  // by job_status, of all jobs ever made

  std::optional<job_status> find(job_id job) const;
  /// A job that the counts include already, while loading.
  void restore(job_id job, job_status status) { put(job, status); }
  void restore(counts const& all) { counts_ = kept_counts_ = all; }

  void add(job_id job, job_status status);
  /// The job is an unfinished one; a terminal status makes it leave.
  void change(job_id job, job_status status);

  counts const& now() const noexcept { return counts_; }
  bool counts_changed() const noexcept { return counts_ != kept_counts_; }
  /// The pages that have come or gone since `keep`, with whether they are there now.
  std::vector<std::pair<std::uint64_t, bool>> changed_pages() const;
  void keep();
  void undo();

 private:
  static constexpr std::uint8_t absent = 0xff;
  struct page {
    page() { statuses.fill(absent); }
    std::array<std::uint8_t, page_size> statuses;
    int used = 0;
  };

  void put(job_id job, std::optional<job_status> status);

  std::unordered_map<std::uint64_t, page> pages_;
  std::unordered_set<std::uint64_t> turned_;  // pages that have come or gone, since `keep`
  counts counts_{};
  counts kept_counts_{};
  std::vector<std::pair<job_id, std::optional<job_status>>> before_;
};

}  // namespace nsai::store
