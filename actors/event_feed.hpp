#pragma once

#include <deque>
#include <map>
#include <string>
#include <vector>

#include <caf/actor.hpp>
#include <caf/fwd.hpp>

#include "messages/observe.hpp"
#include "scheduling/effects.hpp"

namespace nsai::actors {

/// What telemetry says about a job besides its number; interned, since the jobs of an array share
/// it.
struct job_label {
  std::string tenant_id;
  std::string name_space;
  std::string experiment_id;
  std::string experiment_type;
  std::string stage_name;
  friend auto operator<=>(job_label const&, job_label const&) = default;
};

class label_table {
 public:
  std::uint32_t intern(job_label label);
  job_label const& at(std::uint32_t number) const { return *labels_.at(number); }

 private:
  std::map<job_label, std::uint32_t> numbers_;
  std::vector<job_label const*> labels_;
};

/// The label of a submission's job, or of the step at `position` of its pipeline.
job_label label_of(submission const& s, std::string const& stage);

/// An event before anyone has asked for it; most never become more.
struct occurrence {
  scheduling::happened what;
  job_label const* label = nullptr;  // null: not of a job; lives as long as the label_table
  timestamp at;
};

/// Recent events, and who follows them. Everyone reads from the same bounded store of recent events
/// at a pace of its own, a bounded number ahead of what it has confirmed: a slow reader costs
/// nothing and catches up, unless it falls so far behind that events are dropped before their turn
/// comes.
class event_feed {
 public:
  /// Numbers begin after this one.
  explicit event_feed(std::uint64_t last_sequence = 0)
      : sequence_(last_sequence), first_(last_sequence + 1) {}

  /// Gives the events their numbers, keeps them, and sends them to those who follow.
  void publish(caf::event_based_actor* self, std::vector<occurrence>&& list);

  /// Kept events that match; with `follow`, the first few, and `who` gets the others as it
  /// confirms.
  events subscribe(watch_events const& wish, caf::actor const& who);
  void confirm(caf::event_based_actor* self, caf::actor_addr const& who, std::uint64_t sequence);
  void forget(caf::actor_addr const& who);

 private:
  struct subscriber {
    caf::actor to;
    watch_events wish;
    std::uint64_t next = 0;                 // the sequence number that is looked at next
    std::deque<std::uint64_t> unconfirmed;  // of the last event of each message on its way
  };
  static bool matches(watch_events const& wish, occurrence const& o);
  std::uint64_t oldest() const { return sequence_ + 1 - recent_.size(); }
  std::uint64_t start_of(watch_events const& wish) const;
  /// The events from `next` on that match, at most so many, past which `next` moves.
  events take(watch_events const& wish, std::uint64_t& next, std::size_t most) const;
  void serve(caf::event_based_actor* self, subscriber& s) const;

  std::deque<occurrence> recent_;  // the last of them has the number sequence_
  std::vector<subscriber> subscribers_;
  std::uint64_t sequence_;
  std::uint64_t first_;  // of this start of the scheduler
};

/// Whether `name` matches a shell pattern with * and ? ("work.job.*").
bool name_matches(std::string const& pattern, std::string const& name);

}  // namespace nsai::actors
