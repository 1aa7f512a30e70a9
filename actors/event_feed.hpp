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

/// Recent events, and who follows them. A subscriber gets at most a bounded number of events ahead
/// of what it has confirmed; beyond that, events are dropped for it and counted, so that a slow
/// reader costs nothing.
class event_feed {
 public:
  /// Gives the events their numbers, keeps them, and sends them to those who follow.
  void publish(caf::event_based_actor* self, std::vector<occurrence>&& list);

  /// The recent events that match; with `follow`, `who` becomes a subscriber.
  events subscribe(watch_events const& wish, caf::actor const& who);
  void confirm(caf::actor_addr const& who, std::uint64_t sequence);
  void forget(caf::actor_addr const& who);

 private:
  struct subscriber {
    caf::actor to;
    watch_events wish;
    std::uint64_t sent = 0;
    std::uint64_t confirmed = 0;
    std::uint64_t dropped = 0;
    std::uint64_t unconfirmed = 0;  // events on their way
  };
  static bool matches(watch_events const& wish, occurrence const& o);

  std::deque<occurrence> recent_;  // the last of them has the number sequence_
  std::vector<subscriber> subscribers_;
  std::uint64_t sequence_ = 0;
};

/// Whether `name` matches a shell pattern with * and ? ("work.job.*").
bool name_matches(std::string const& pattern, std::string const& name);

}  // namespace nsai::actors
