#pragma once

#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include <caf/all.hpp>

#include "actors/executor.hpp"
#include "actors/gpu_news.hpp"
#include "actors/host_view.hpp"
#include "actors/port_pool.hpp"
#include "actors/progress_file.hpp"
#include "actors/room.hpp"
#include "actors/spool.hpp"
#include "actors/worker.hpp"
#include "messages/api.hpp"
#include "messages/caf_inspection.hpp"
#include "messages/observe.hpp"

namespace nsai::actors {

using late_look_atom = caf::atom_constant<caf::atom("latelook")>;

/// What the executor owns: the attempts it holds, the room on the node, and its session with the
/// scheduler.
class executor_state {
 public:
  executor_state(caf::event_based_actor* self, executor_options options);

  // The session
  void found(scheduler_found const& m);
  void missing(scheduler_missing const& m);
  void lost_contact(caf::down_msg const& down);
  void tick_beat(std::uint64_t generation);
  void tick_spool();
  void seek_again() { look_for_scheduler(); }

  // The work
  void start(start_attempts& m);
  void stop(stop_attempts const& m);
  void recorded(outcomes_recorded const& m);
  void over(attempts_over& m);
  void tick_timeouts();
  log_chunk read(read_log const& m) const;

  // The GPUs
  void looked(gpu_look const& seen);
  void look_is_late(attempt_ref ref);

  // The end
  void shut(shut_down const& m);
  void finish_if_empty();
  void time_is_up();

 private:
  using instant = caf::actor_clock::time_point;
  struct held {
    start_attempt attempt;
    std::shared_ptr<attempt_control> control;  // null while it waits
    caf::actor worker;
    std::string backend;
    std::shared_ptr<room_lease> lease;      // null while it waits; shared by those that run in turn
    std::optional<progress_file> reported;  // of a program
    std::string gpu_fault;                  // of a GPU that it has: it was stopped for that
    // Of its GPUs when it began: released by hand, so that they explain no failure.
    std::set<std::string> settled_faults;
    std::string gpu_excess;        // of a GPU's memory: likewise
    bool exceeded_before = false;  // at the look before
    std::int64_t peak_gpu_memory_mb = 0;
    std::optional<attempt_outcome> doubted;  // it failed on a GPU that is looked at once more
    std::uint64_t doubted_until = 0;         // by the look of that number
  };
  struct how {
    std::string backend;
    bool brief = false;
  };

  void look_for_scheduler();
  void do_register();
  void joined(registered const& m);
  void beat_again();
  void send_beat();
  static std::optional<progress_info> news_of(held& h);

  how how_to_run(std::string const& stage) const;
  void try_start();
  void launch(attempt_ref ref);
  std::vector<start_attempt> take_brief_followers(held const& first);
  caf::actor const& worker_for(start_attempt const& attempt) const;
  void stop_one(attempt_ref ref, attempt_result as);
  void end_unstarted(attempt_ref ref, attempt_result as);
  void arm_timeout(start_attempt const& attempt);
  void settle(attempt_outcome outcome);
  void report();
  void leave();

  // executor_gpus.cpp
  void watch_gpus();
  void offer_newcomers(std::vector<devices::device> const& found);
  void mind_silence();
  void trim_hosts(gpu_look const& seen, std::vector<host_view> const& hosts);
  bool is_watched(held const& h) const;
  std::set<std::uint32_t> gpus_in_use(std::vector<host_view> const& hosts) const;
  void give_up_gpu(std::uint32_t index);
  void limit_memory(std::vector<gpu_memory_use> const& uses);
  std::string fault_under(held const& h) const;
  bool doubts(held& h, attempt_outcome& outcome);
  void settle_doubted(std::uint64_t looks);
  void conclude(attempt_ref ref, attempt_outcome outcome);

  caf::event_based_actor* self_;
  executor_options options_;
  room room_;
  port_pool ports_;
  gpu_news gpus_{{}};
  bool has_looked_ = false;
  spool spool_;
  std::map<std::string, how> stages_;
  caf::actor cpu_worker_;
  std::map<std::uint32_t, caf::actor> gpu_workers_;  // by device index

  std::map<attempt_ref, held> held_;
  std::deque<attempt_ref> waiting_;  // in order of arrival; may name attempts that have gone
  std::multimap<instant, attempt_ref> timeouts_;
  std::vector<attempt_ref> unreported_;

  caf::actor scheduler_;
  std::uint64_t session_ = 0;     // 0: not registered
  std::uint64_t generation_ = 0;  // of beats; a new session starts a new one
  std::int64_t beat_ms_ = 1000;
  std::int64_t lease_ms_ = 5000;
  int missed_beats_ = 0;
  bool was_ready_ = false;
  std::string last_missing_;  // why the scheduler could not be reached, as last told in the log
  bool shutting_ = false;
  std::optional<instant> leaves_at_;  // it shuts itself down then
  bool time_is_up_ = false;
  std::set<pid_t> large_idle_hosts_;  // as the look before has shown them
  std::unique_ptr<gpu_watch> watch_;  // sends looks to this actor; null: no GPU is watched
};

}  // namespace nsai::actors
