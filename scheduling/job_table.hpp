#pragma once

#include <array>
#include <memory_resource>
#include <unordered_map>
#include <vector>

#include "messages/job.hpp"
#include "scheduling/indices.hpp"
#include "scheduling/prefetch.hpp"

namespace nsai::scheduling {

/// What keeps a pending job from being queued; several may hold it at once.
enum hold : std::uint8_t {
  hold_dependency = 1,  // jobs or earlier steps that have not succeeded yet
  hold_time = 2,        // not_before
  hold_limit = 4,       // the array's limit of children at once
  hold_decision = 8,    // the supervisor was asked
  hold_backoff = 16,    // eligible_at
  hold_parent = 32      // the parent itself is held
};

/// A live job. Kept small, since a million of them may wait: what is shared is interned, what is
/// rare
/// (`rare_facts`) is kept apart.
struct job {
  job_id id;
  job_id parent;
  timestamp since;  // of being queued, while it is; else of the attempt or the creation
  shape_index shape = none;
  terms_index terms = none;
  tenant_index tenant = none;
  owner_index owner = none;
  std::uint32_t position = 0;  // among the parent's children
  attempt_no attempt = 0;
  node_index node = none;   // while an attempt runs on a registered node
  queue_slot slot = none;   // while it is queued
  std::uint32_t label = 0;  // the caller's, for telemetry
  std::uint32_t unmet = 0;  // dependencies and earlier steps that have not succeeded yet
  float charged_gpus = 0;   // devices that its attempt counts as
  float price_factor = 1;   // by which all that it holds counts more or less
  std::uint16_t own_failures = 0;
  std::uint16_t infra_failures = 0;
  job_status status = job_status::pending;
  nsai::priority level = priority::batch;
  std::uint8_t holds = 0;
  std::uint8_t preemptions = 0;  // of attempts that were stopped for other jobs
  bool composite : 1 = false;
  bool array_child : 1 = false;    // or a gang's: its times and dependencies are the parent's
  bool canceled : 1 = false;       // cancel was requested
  bool expired : 1 = false;        // the deadline has passed
  bool overspent : 1 = false;      // its attempt was stopped at max_cost_usd
  bool unconfirmed : 1 = false;    // running before the restart; its node has not spoken yet
  bool handed_back : 1 = false;    // its attempt was stopped: its node drains, its gang's is over,
  bool preempted : 1 = false;      // or for another job
  bool within_limit : 1 = false;   // counted against the array's limit
  bool rare : 1 = false;           // has an entry among the rare facts
  bool has_room_kept : 1 = false;  // has an entry among the reservations

  /// Its attempt was told to stop, and how it ends says nothing of the job itself.
  bool is_stopped() const { return canceled || expired || overspent || handed_back; }
};

/// The constraints of a job, shared by all jobs that were submitted with equal ones.
/// Dependencies are not kept here: they are facts of one job.
class terms_table {
 public:
  terms_index intern(constraints const& c);
  void keep(terms_index index) { ++entries_[index].jobs; }
  void release(terms_index index);
  constraints const& operator[](terms_index index) const { return entries_[index].value; }

 private:
  struct entry {
    constraints value;
    std::uint32_t jobs = 0;
  };
  terms_index find(constraints const& c, std::size_t hash) const;
  std::vector<entry> entries_;
  std::vector<terms_index> free_;
  std::unordered_multimap<std::size_t, terms_index> by_hash_;
};

/// Live jobs by number. Numbers ascend without gaps, so they are kept in blocks: finding one costs
/// one look into a small table (10 bytes for each 256 numbers between the oldest and the youngest
/// live job, at most twice as many, which the cache keeps), and a block is free for other numbers
/// when its last job has ended. Addresses are stable while a job lives. The memory, in chunks of up
/// to 2 MiB, goes back when no job lives any more.
class job_table {
 public:
  explicit job_table(std::pmr::memory_resource* memory = std::pmr::new_delete_resource())
      : memory_(memory) {}
  /// On the heap.
  job_table(job_table const& other);
  job_table& operator=(job_table const&) = delete;
  ~job_table() { give_back(); }

  job& add(job_id id);
  void erase(job_id id);
  job* find(job_id id);
  job const* find(job_id id) const { return const_cast<job_table*>(this)->find(id); }
  /// It will be asked for soon.
  void prefetch(job_id id) const {
    if (auto const* const block = block_of(id))
      prefetch_lines(&(*block)[id.value % block_size], sizeof(job));
  }
  std::size_t size() const { return size_; }
  /// In ascending order of number.
  template <class F>
  void for_each(F&& visit) const {
    for (auto const& block : blocks_)
      if (block)
        for (auto const& each : *block)
          if (each.id)
            visit(each);
  }

 private:
  static constexpr std::uint64_t block_size = 256;
  using block = std::array<job, block_size>;
  struct chunk {
    block* first;
    std::size_t count;
  };
  block* block_of(job_id id) const {
    auto const at = id.value / block_size - first_;  // below the first: beyond any size
    return at < blocks_.size() ? blocks_[at] : nullptr;
  }
  void* block_memory();
  void give_back();

  std::vector<block*> blocks_;       // null where no job lives; up to that of the youngest
  std::vector<std::uint16_t> used_;  // places in each block; beside it, where the cache has them
  std::uint64_t first_ = 0;          // number of the first in the table
  std::size_t gone_ = 0;             // how many null ones it begins with, at least
  std::size_t size_ = 0;
  std::pmr::memory_resource* memory_;
  std::vector<chunk> chunks_;
  std::vector<block*> spare_;  // of the chunks, without a job
};

}  // namespace nsai::scheduling
