#pragma once

#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "scheduling/ready_queues.hpp"

namespace nsai::scheduling {

/// Concurrency groups: no more attempts of a tenant's group at once than it has places.
///
/// A place is taken by an attempt, at its grant, and given back at its end, so that neither a job
/// that backs off nor one that finds no room holds one. Which waiting job gets a free place is for
/// the ready queues to say; but of each line of a group (the jobs that differ in their order only)
/// just as many stand there as there are places free. The others are parked here, so that they cost
/// no decision anything, however many they are; a full group has nothing in the ready queues.
/// Rejected: to give places to jobs as they are queued, where one that no node can run keeps the
/// others of its group waiting for ever.
class group_book {
 public:
  using name = std::pair<tenant_index, std::string>;
  /// A job for the ready queues (`ready_queues::insert`).
  struct candidate {
    job_id job;
    ready_queues::place where;
    timestamp since;
    std::int64_t order = 0;
  };
  /// What a change means for the ready queues.
  struct moves {
    std::vector<job_id> withdrawn;
    std::vector<candidate> offered;
  };

  /// Places that the group has; 0: no job of it lives.
  std::int64_t places(name const& group) const;
  /// One live job of the group more; one less.
  void join(name const& group, std::int64_t places);
  void leave(name const& group);

  /// A job of the group waits for its grant.
  void wait(name const& group, candidate c, moves& to);
  /// It does not any more, without a grant. Whoever calls takes it from the ready queues, if it
  /// stood there.
  void give_up(job_id job, moves& to);
  /// An attempt of a job takes a place: of one that waited, or of one that ran before a restart.
  void start(name const& group, job_id job, moves& to);
  /// It gives it back.
  void stop(name const& group, job_id job, moves& to);

  /// Whether the job waits here and not in the ready queues.
  bool is_parked(job_id job) const;
  /// How many of the level do.
  std::int64_t parked(priority level) const { return parked_[static_cast<std::size_t>(level)]; }
  /// "waiting for a place in group NAME (2 of 2 running: jobs 3, 4)"
  std::string reason(name const& group) const;
  /// Whether these are the jobs of the group with an attempt.
  bool holds(name const& group, std::set<job_id> const& jobs) const;
  /// The waiting jobs of a copy know the groups of the book it was copied from, until this.
  void rewire();
  /// Compares the books with each other.
  void check() const;

 private:
  struct line {
    std::map<std::int64_t, candidate> offered;  // by order
    std::map<std::int64_t, candidate> parked;   // all behind those
  };
  struct place_less {
    bool operator()(ready_queues::place const& a, ready_queues::place const& b) const;
  };
  struct entry {
    std::int64_t places = 0;
    std::int64_t live = 0;
    std::set<job_id> running;
    std::map<ready_queues::place, line, place_less> lines;
    std::size_t free() const;
  };
  struct waiting {
    entry* of = nullptr;
    ready_queues::place where;
    std::int64_t order = 0;
  };

  void balance(entry& e, moves& to);
  void balance(line& l, std::size_t free, moves& to);
  void take_out(job_id job, waiting const& from);
  std::int64_t& parked_at(ready_queues::place const& p) {
    return parked_[static_cast<std::size_t>(p.level)];
  }

  std::map<name, entry> groups_;
  std::unordered_map<job_id, waiting> waiting_;
  std::array<std::int64_t, priority_levels> parked_{};
};

}  // namespace nsai::scheduling
