#pragma once

#include <cstdint>
#include <vector>

#include "messages/attempt.hpp"
#include "messages/job.hpp"
#include "scheduling/indices.hpp"

namespace nsai::scheduling {

/// Room on a node that is kept for a job that waits, so that smaller ones do not overtake it for
/// ever (EASY backfilling: Lifka, JSSPP 1995; with several reservations, each on a node of its
/// own). What starts on the node either is over before the room is wanted, or takes nothing of it.
/// A gang has one on each of its nodes, wanted at the same time. Made anew after a restart.
struct reservation {
  job_id job;
  priority level = priority::batch;  // jobs of a more urgent one do not mind it
  node_index node = none;
  /// When the room is there at the latest, by what attempts are expected to take; 0: some attempt
  /// that has to end first may take for ever.
  timestamp from;
  std::vector<std::uint32_t> devices;  // positions on the node
  // What may be taken beyond `from` without taking of the room.
  std::int64_t spare_cpu = 0;
  std::int64_t spare_memory_mb = 0;
  bool aged = false;      // its level had waited for long
  bool is_claim = false;  // others were stopped for it
  bool is_part = false;   // of what a gang needs
  /// When its job got the first: earlier ones are served, renewed and completed first.
  std::uint64_t made = 0;
};

/// The reservations there are, in order of making: at most one a node, and one a job that is not a
/// gang.
class reservation_book {
 public:
  /// In its place by `made`; at the end when that is 0.
  void add(reservation r);
  /// All of the job.
  void remove(job_id job);
  void remove_on(node_index node);
  /// Of a job that has one; the first of a gang.
  reservation const& of(job_id job) const;
  /// nullptr: there is none for it.
  reservation const* find(job_id job) const;
  /// Where room is kept for the job.
  std::vector<node_index> nodes_of(job_id job) const;
  /// The jobs of one have the room of the other.
  void swap(job_id a, job_id b);
  /// For how many jobs.
  std::size_t jobs() const;
  /// nullptr: no room is kept on the node.
  reservation const* on(node_index node) const;
  bool has_aged() const;
  /// There are those of `most` jobs, none of which is of a less urgent level than this.
  bool is_full(std::size_t most, priority level) const;

  bool empty() const { return list_.empty(); }
  std::size_t size() const { return list_.size(); }
  reservation& operator[](std::size_t i) { return list_[i]; }
  auto begin() { return list_.begin(); }
  auto end() { return list_.end(); }
  auto begin() const { return list_.begin(); }
  auto end() const { return list_.end(); }

 private:
  std::vector<reservation> list_;
  std::uint64_t last_made_ = 0;
};

/// Attempts on one node that may be stopped, and together make the room for a job.
struct claim {
  struct victim {
    attempt_ref ref;
    double work_lost = 0;  // run time × part of the cluster held
  };
  node_index node = none;
  std::vector<victim> victims;
};

}  // namespace nsai::scheduling
