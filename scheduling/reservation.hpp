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
/// Made anew after a restart.
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
};

/// The reservations there are, in order of making: at most one a job, and one a node.
class reservation_book {
 public:
  void add(reservation r) { list_.push_back(std::move(r)); }
  void remove(job_id job);
  /// Of a job that has one.
  reservation const& of(job_id job) const;
  /// nullptr: no room is kept on the node.
  reservation const* on(node_index node) const;
  bool has_aged() const;
  /// There are `most`, and none of them is for a job of a less urgent level than this.
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
};

/// Attempts on one node that may be stopped, and together make the room for a job.
struct claim {
  struct victim {
    attempt_ref ref;
    double work_lost = 0;  // run time × part of the cluster held
  };
  node_index node = none;
  std::vector<victim> victims;
  double work_lost = 0;
};

}  // namespace nsai::scheduling
