#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <caf/actor.hpp>
#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/fwd.hpp>

#include "actors/event_names.hpp"
#include "messages/api.hpp"
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
  std::string program;  // of a `command` job: what it starts
  std::string step;     // of a stage of an experiment: what the experiment calls it

  /// What runs the same code: the stage, and its program.
  std::string fingerprint() const {
    return program.empty() ? stage_name : stage_name + " " + program;
  }
  friend auto operator<=>(job_label const&, job_label const&) = default;
};

/// Labels stay where they are, so that another thread may read one that it was told of while more
/// are added, as long as it holds what `keep_alive` gives.
class label_table {
 public:
  std::uint32_t intern(job_label label);
  job_label const& at(std::uint32_t number) const { return *labels_.at(number); }
  std::shared_ptr<void const> keep_alive() const { return numbers_; }

 private:
  using numbers = std::map<job_label, std::uint32_t>;
  std::shared_ptr<numbers> numbers_ = std::make_shared<numbers>();
  std::vector<job_label const*> labels_;
};

/// The label of a submission's job, or of a step of its pipeline, with options and name of that.
job_label label_of(submission const& s, std::string const& stage, json_text const& options,
                   std::string const& step = {});

/// An event before anyone has asked for it; most never become more.
struct occurrence {
  scheduling::happened what;
  job_label const* label = nullptr;  // null: not of a job; lives as long as the label_table
  timestamp at;
  std::shared_ptr<std::string const> trace_id = {};  // null: computed from the job's number
};

/// Recent events, and who follows them. Everyone reads from the same bounded store of recent events
/// at a pace of its own, a bounded number ahead of what it has confirmed: a slow reader costs
/// nothing and catches up, unless it falls so far behind that events are dropped before their turn
/// comes.
class event_feed {
 public:
  /// Occurrences are numbered after the first number, trace ids computed from the second.
  explicit event_feed(std::uint64_t last_occurrence = 0, std::uint64_t trace_seed = 0)
      : last_(last_occurrence), first_(last_occurrence + 1), trace_seed_(trace_seed) {}

  /// Gives the occurrences their numbers, keeps them, and sends them to those who follow.
  void publish(caf::event_based_actor* self, std::vector<occurrence>&& list);
  /// The backend of a stage, which select_backend tells.
  void learn_backend(std::string const& stage, std::string const& backend) {
    backends_.insert_or_assign(stage, backend);
  }

  /// Kept events that match; with `follow`, the first few, and `who` gets the others as it
  /// confirms. Refused in `error`: a handler name that another has, or that is none.
  events subscribe(watch_events const& wish, caf::actor const& who);
  void confirm(caf::event_based_actor* self, caf::actor_addr const& who, std::uint64_t sequence);
  /// Gives what it had asked for; nothing: it did not follow.
  std::optional<watch_events> forget(caf::actor_addr const& who);
  /// The one attached under that name, which is forgotten; invalid: there is none.
  caf::actor detach(std::string const& tenant, std::string const& handler);

 private:
  struct subscriber {
    caf::actor to;
    watch_events wish;
    wanted_names wanted;
    std::uint64_t next = 0;                 // the sequence number that is looked at next
    std::deque<std::uint64_t> unconfirmed;  // of the last event of each message on its way
  };
  std::uint64_t oldest() const { return last_ + 1 - recent_.size(); }
  std::uint64_t end() const { return sequence_at({last_ + 1, 0}); }
  std::uint64_t start_of(watch_events const& wish) const;
  event event_of(occurrence const& o, event_place place) const;
  /// The events from `next` on that match, at most so many, past which `next` moves.
  events take(watch_events const& wish, wanted_names const& wanted, std::uint64_t& next,
              std::size_t most) const;
  void serve(caf::event_based_actor* self, subscriber& s) const;

  std::deque<occurrence> recent_;  // the last of them has the number last_
  std::vector<subscriber> subscribers_;
  std::map<std::string, std::string> backends_;
  std::uint64_t last_;
  std::uint64_t first_;  // of this start of the scheduler
  std::uint64_t trace_seed_;
};

/// Scheduler -> feed: these have happened and are durable.
struct occurrences {
  std::vector<occurrence> list;
};
/// Scheduler -> feed: the backends of stages.
struct stage_backends {
  std::vector<std::pair<std::string, std::string>> list;
};
/// Feed -> scheduler: an attached reader has ended otherwise than by being asked to.
struct reader_failed {
  std::string tenant_id;
  std::string handler;
  std::string why;
};

struct feed_settings {
  std::uint64_t last_occurrence = 0;
  std::uint64_t trace_seed = 0;
  std::shared_ptr<void const> labels;
  caf::actor scheduler;
};

/// The feed as an actor, so that making and sending events delays nothing in the scheduler:
///   occurrences, stage_backends -> nothing
///   watch_events, reader -> events      and more `events` to the reader
///   events_read -> nothing
///   detach_reader -> answer
caf::behavior event_feed_actor(caf::event_based_actor* self, feed_settings settings);

}  // namespace nsai::actors

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(nsai::actors::occurrences)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(nsai::actors::stage_backends)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(nsai::actors::reader_failed)
