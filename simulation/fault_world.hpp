#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "scheduling/core.hpp"
#include "simulation/model_store.hpp"
#include "simulation/network.hpp"

namespace nsai::simulation {

/// A node as it is, whatever the scheduler believes of it: what `actors/executor` does, as a model.
struct machine {
  struct held {
    held_attempt what;
    bool brief = false;
    bool started = false;
    bool stopping = false;
    attempt_result stopped_as = attempt_result::canceled;
  };
  node_info info;
  bool up = true;
  bool mute = false;  // it sends no beats
  bool leaving = false;
  bool sick = false;            // most of what runs there fails
  std::vector<gpu_state> gpus;  // of all of its devices, once something has been amiss
  connection_no connection = 0;
  std::uint64_t session = 0;     // 0: not registered
  std::uint64_t generation = 0;  // of its latest registration
  std::int64_t heard_ms = 0;     // when the scheduler answered last
  std::int64_t ends_ms = 0;      // its lifetime; 0: it stays
  std::map<attempt_ref, held> attempts;
  std::deque<attempt_ref> waiting;     // for room, in order of arrival
  std::vector<attempt_outcome> spool;  // not known to be recorded
  std::set<attempt_ref> never_starts;  // what was stopped before it came
};

struct world_options {
  /// Told what happens, a line each; empty: nobody listens.
  std::function<void(std::string const&)> trace;
  /// The core's own check of all its books runs at every so many events: it costs more than the
  /// event.
  std::uint64_t books_every = 16;
};

/// A core, the model of its scheduler process and store, and a model of a cluster, driven by one
/// seed: equal seeds play equally. Nodes and the scheduler crash at any point, also between a
/// commit and what it lets go; messages are lost with their connections, late, repeated, and
/// overtake those of other connections; clocks jump. Whatever breaks a promise throws
/// `broken_promise`.
class fault_world {
 public:
  explicit fault_world(std::uint64_t seed, world_options options = {});

  /// Anything may happen.
  void step();
  /// No more faults: everything that can end has to end (P1), with exact retries (P4).
  void settle_down();
  /// P5 in a cluster without faults whose work never runs out.
  void check_fairness();

  std::uint64_t events() const { return events_; }
  std::uint64_t faults() const { return faults_; }

 private:
  struct link {
    connection_no connection = 0;
    std::uint64_t session = 0;
  };
  struct change {
    scheduling::effects list;  // the durable ones
    timestamp at;
    std::shared_ptr<submission const> submitted;  // the first of a batch
    std::shared_ptr<attempt_outcome const> outcome;
  };
  struct acknowledgement {
    job_id id;
    std::string tenant;
    std::string key;
  };
  struct mail {
    std::size_t machine = 0;
    std::uint64_t session = 0;     // of starts
    connection_no connection = 0;  // of answers to registrations
    payload what;
  };
  /// What goes into one commit, and leaves after it.
  struct batch {
    std::vector<change> changes;
    std::vector<mail> letters;
    std::vector<acknowledgement> acknowledged;
    std::vector<scheduling::consult_supervisor> questions;
    bool empty() const {
      return changes.empty() && letters.empty() && acknowledged.empty() && questions.empty();
    }
  };

  // fault_world.cpp: the run of time, and what is drawn
  std::uint64_t below(std::uint64_t n) { return random_() % n; }
  bool one_in(std::uint64_t n) { return below(n) == 0; }
  std::int64_t delay();
  timestamp now() const { return {true_ms_ + offset_ms_}; }
  void act();
  void pass(std::int64_t ms);
  void deliver(letter& l);
  void say(std::function<std::string()> const& text) const;
  machine& any_machine() { return machines_[below(machines_.size())]; }
  std::size_t index_of(machine const& m) const {
    return static_cast<std::size_t>(&m - machines_.data());
  }
  std::size_t index_of(std::string const& uuid) const;
  std::int64_t live() const;
  void check_the_end() const;

  // fault_scheduler.cpp: what actors/scheduler does
  void apply(scheduling::event const& e, std::shared_ptr<submission const> submitted = {},
             std::shared_ptr<attempt_outcome const> outcome = {},
             std::function<void()> const& before_it_is_stored = {});
  void hear(scheduling::effects& list, std::shared_ptr<submission const> submitted,
            std::shared_ptr<attempt_outcome const> outcome);
  void hear(scheduling::attempt_granted& g);
  void settle();
  void committed(std::uint64_t number);
  void send_out(batch const& b);
  void receive(std::size_t from, connection_no on, hello& m);
  void receive(std::size_t from, connection_no on, heartbeat const& m);
  void receive(std::size_t from, connection_no on, outcome_report const& m);
  void receive(std::size_t from, connection_no on, goodbye const& m);
  void receive(std::size_t from, connection_no on, closed const& m);
  void ended(std::size_t on, attempt_outcome const& outcome);
  void crash_scheduler();
  void boot_scheduler();
  void check_grant(scheduling::attempt_granted const& g) const;
  void look();

  // fault_machines.cpp: what actors/executor does
  void tick_of(machine& m);
  void greet(machine& m);
  void change_gpus(machine& m);
  void mend_gpus();
  void to_scheduler(machine const& m, payload what);
  void receive(machine& m, welcome const& w);
  void receive(machine& m, start const& s);
  void receive(machine& m, stop const& s);
  void receive(machine& m, recorded const& r);
  void receive(machine& m, beat_answer const& a);
  void launch(machine& m);
  void stop_one(machine& m, attempt_ref ref, attempt_result as);
  void finish(machine& m, attempt_ref ref, attempt_result as);
  void tell(machine const& m, attempt_outcome const& outcome);
  void check_room(machine const& m) const;
  void cut(machine& m);
  void hang_up(machine& m);
  void stop_machine(machine& m, std::int64_t away_ms);
  void crash(machine& m);
  void boot_machine(machine& m);
  void leave(machine& m);

  // fault_work.cpp: what people and supervisors do
  constraints some_constraints();
  resources some_resources();
  std::shared_ptr<submission> some_submission();
  std::vector<scheduling::ended_job> ended_before(submission const& s) const;
  void check_refusal(submission const& s, error_info const& error) const;
  void submit_something();
  void submit_batch();
  void submit(std::shared_ptr<submission const> s);
  void submit_again();
  void cancel_one();
  void drain_one();
  void announce_one();
  void resume_one();
  void change_tenants();
  void answer_one();
  void answer(scheduling::consult_supervisor const& q, bool retry, std::int64_t after_ms);
  void restart_supervisor();
  void repeat_old_outcome();

  // fault_fairness.cpp
  void feed(std::string const& tenant, priority level);
  void check_shares();

  std::mt19937_64 random_;
  world_options options_;
  scheduling::core_settings settings_;
  network network_;
  std::vector<machine> machines_;  // never grows: effects point to the names in it
  std::int64_t true_ms_ = 1'700'000'000'000;
  std::int64_t offset_ms_ = 0;  // of the scheduler's clock
  std::uint32_t next_port_ = 20'000;
  bool calm_ = false;  // no faults any more
  bool even_ = false;  // every attempt succeeds after a while (check_fairness)

  scheduling::core core_;
  timestamp core_now_;      // which never runs backwards
  std::uint64_t life_ = 1;  // of the scheduler's process; 0: it is down
  std::uint64_t lives_ = 1;
  model_store decided_;  // as the core has decided
  model_store durable_;  // as of the last commit
  batch open_;
  std::unique_ptr<batch> committing_;
  std::uint64_t commit_no_ = 0;
  std::uint64_t wake_no_ = 0;
  std::map<std::size_t, link> links_;
  std::uint64_t last_session_ = 0;
  std::vector<scheduling::consult_supervisor> questions_;

  std::set<attempt_ref> started_;  // by any machine, ever
  std::set<attempt_ref> given_up_;
  std::set<job_id> acknowledged_;
  std::map<std::pair<std::string, std::string>, job_id> keys_;  // acknowledged
  std::vector<std::shared_ptr<submission const>> keyed_;        // to be submitted again
  std::vector<std::pair<std::size_t, attempt_outcome>> old_outcomes_;
  std::uint64_t events_ = 0;
  std::uint64_t faults_ = 0;
};

}  // namespace nsai::simulation
