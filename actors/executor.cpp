#include "actors/executor.hpp"

#include <algorithm>
#include <fstream>

#include <spdlog/spdlog.h>

#include "actors/executor_state.hpp"

namespace nsai::actors {
namespace {

using beat_atom = caf::atom_constant<caf::atom("beat")>;
using spool_atom = caf::atom_constant<caf::atom("spool")>;
using timeout_atom = caf::atom_constant<caf::atom("timeouts")>;
using finish_atom = caf::atom_constant<caf::atom("finish")>;
using leave_atom = caf::atom_constant<caf::atom("leave")>;
using seek_atom = caf::atom_constant<caf::atom("seek")>;

/// Brief stages that one message carries to a worker; enough that messages cost little, few enough
/// that a stop or a urgent job never waits long behind them.
constexpr std::size_t most_in_chunk = 64;

attempt_outcome unstarted(attempt_ref ref, attempt_result as) {
  attempt_outcome outcome;
  outcome.ref = ref;
  outcome.result = as;
  return outcome;
}

}  // namespace

executor_state::executor_state(caf::event_based_actor* self, executor_options options)
    : self_(self),
      options_(std::move(options)),
      room_(options_.node),
      spool_(options_.where->data_dir / "spool") {
  auto const me = caf::actor_cast<caf::actor>(self);
  for (auto const& stage : options_.node.stages)
    stages_[stage.name] = {stage.backend, stage.brief};
  cpu_worker_ = self->spawn<caf::linked>(cpu_worker, options_.where, me, std::string{"cpu"});
  for (auto const& gpu : options_.node.gpus)
    gpu_workers_[gpu.index] = self->spawn<caf::linked>(gpu_worker, options_.where, me, gpu);
  if (options_.leaves_in_ms > 0) {
    std::chrono::milliseconds const left{options_.leaves_in_ms};
    leaves_at_ = self->clock().now() + left;
    self->delayed_send(self, left, leave_atom::value);
  }
  watch_gpus();
  if (has_looked_)
    look_for_scheduler();
  tick_spool();
}

void executor_state::look_for_scheduler() {
  scheduler_ = {};
  session_ = 0;
  ++generation_;
  options_.find_scheduler(caf::actor_cast<caf::actor>(self_));
}

void executor_state::found(scheduler_found const& m) {
  scheduler_ = m.scheduler;
  last_missing_.clear();
  self_->monitor(scheduler_);
  do_register();
}

void executor_state::missing(scheduler_missing const& m) {
  if (std::exchange(last_missing_, m.why.message) != m.why.message)
    spdlog::warn("{}", m.why.message);
}

void executor_state::do_register() {
  session_ = 0;
  register_node request;
  request.node = options_.node;
  if (leaves_at_)
    request.node.leaves_in_ms = std::max<std::int64_t>(
        1, std::chrono::duration_cast<std::chrono::milliseconds>(*leaves_at_ - self_->clock().now())
               .count());
  request.node.ports = ports_.all();
  for (auto const& [ref, h] : held_)
    request.held.push_back({ref, h.attempt.cpu, h.attempt.memory_mb, h.attempt.devices});
  request.outcomes = spool_.all();
  request.gpus = gpus_.all();
  auto const generation = ++generation_;
  self_
      ->request(scheduler_, std::chrono::seconds{30}, std::move(request),
                caf::actor_cast<caf::actor>(self_))
      .then(
          [this, generation](registered const& m) {
            if (generation == generation_)
              joined(m);
          },
          [this, generation](caf::error const& e) {
            if (generation != generation_)
              return;
            spdlog::warn("node {}: the scheduler did not take the registration: {}",
                         options_.node.name, self_->system().render(e));
            self_->delayed_send(self_, std::chrono::seconds{1}, seek_atom::value);
          });
}

void executor_state::joined(registered const& m) {
  session_ = m.session;
  beat_ms_ = m.beat_ms;
  lease_ms_ = m.lease_ms;
  missed_beats_ = 0;
  for (auto const ref : m.stop)
    stop_one(ref, attempt_result::revoked);
  unreported_.clear();  // the registration brought everything along
  for (auto const& outcome : spool_.all())
    unreported_.push_back(outcome.ref);
  report();
  beat_again();
  if (!std::exchange(was_ready_, true) && options_.on_ready)
    options_.on_ready();
  if (shutting_)
    self_->send(scheduler_, leave_cluster{options_.node.uuid, session_});
}

std::optional<progress_info> executor_state::news_of(held& h) {
  if (h.reported)
    return h.reported->news();
  return h.control ? h.control->take_progress() : std::nullopt;
}

void executor_state::beat_again() {
  self_->delayed_send(self_, std::chrono::milliseconds{beat_ms_}, beat_atom::value, generation_);
}

void executor_state::tick_beat(std::uint64_t generation) {
  if (generation != generation_ || !scheduler_ || session_ == 0)
    return;
  send_beat();
  beat_again();
}

void executor_state::send_beat() {
  auto const generation = generation_;
  beat b{options_.node.uuid, session_, {}, ports_.fresh(), gpus_.news()};
  for (auto& [ref, h] : held_)
    if (auto progress = news_of(h))
      b.progress.push_back({ref, std::move(*progress)});
  self_
      ->request(scheduler_, std::chrono::milliseconds{std::max<std::int64_t>(2 * beat_ms_, 1000)},
                std::move(b))
      .then(
          [this, generation](beat_reply const& reply) {
            if (generation != generation_)
              return;
            missed_beats_ = 0;
            if (!reply.known)
              do_register();
          },
          [this, generation](caf::error const&) {
            gpus_.forget_told();
            if (generation == generation_ && ++missed_beats_ * beat_ms_ >= lease_ms_)
              look_for_scheduler();
          });
}

/// What was reported and never confirmed is told again; on disk it outlives this process. Apart
/// from the beats, which stop while the scheduler is away: that is when it matters.
void executor_state::tick_spool() {
  constexpr std::size_t most_repeated = 1000;
  for (auto const ref : spool_.overdue(most_repeated))
    unreported_.push_back(ref);
  report();
  mind_silence();
  self_->delayed_send(self_, std::chrono::milliseconds{beat_ms_}, spool_atom::value);
}

void executor_state::lost_contact(caf::down_msg const& down) {
  if (scheduler_ && down.source == scheduler_.address())
    look_for_scheduler();
}

executor_state::how executor_state::how_to_run(std::string const& stage) const {
  auto const found = stages_.find(stage);
  return found == stages_.end() ? how{"in_process", false} : found->second;
}

void executor_state::start(start_attempts& m) {
  if (m.session != session_)
    return;
  for (auto& attempt : m.attempts) {
    auto const ref = attempt.ref;
    if (held_.contains(ref))
      continue;
    if (spool_.contains(ref)) {
      unreported_.push_back(ref);
      continue;
    }
    for (auto older = held_.lower_bound({ref.job, 0});
         older != held_.end() && older->first.job == ref.job; ++older)
      stop_one(older->first, attempt_result::revoked);
    if (attempt.gang && attempt.gang->rank == 0)
      ports_.release(attempt.gang->master_port);
    auto& h = held_[ref];
    h.attempt = std::move(attempt);
    h.backend = how_to_run(h.attempt.stage).backend;
    waiting_.push_back(ref);
    if (shutting_)
      end_unstarted(ref, attempt_result::returned);
  }
  try_start();
  report();
}

void executor_state::try_start() {
  while (!waiting_.empty()) {
    auto const ref = waiting_.front();
    auto const found = held_.find(ref);
    if (found == held_.end() || found->second.control) {
      waiting_.pop_front();
      continue;
    }
    if (!room_.fits(found->second.attempt))
      return;
    waiting_.pop_front();
    launch(ref);
  }
}

void executor_state::launch(attempt_ref ref) {
  auto& h = held_.at(ref);
  h.lease = std::make_shared<room_lease>(room_, h.attempt);
  h.control = std::make_shared<attempt_control>();
  h.worker = worker_for(h.attempt);
  for (auto const& device : h.attempt.devices)
    h.settled_faults.insert(gpus_.settled_fault(device.index));
  if (h.backend == "command")
    h.reported.emplace(options_.where->progress_file_of(ref));
  run_attempts work;
  work.control = h.control;
  work.backend = h.backend;
  work.brief = how_to_run(h.attempt.stage).brief;
  work.attempts.push_back(h.attempt);
  if (work.brief && h.attempt.devices.empty())
    for (auto& follower : take_brief_followers(h))
      work.attempts.push_back(std::move(follower));
  if (!work.brief && h.attempt.timeout_ms > 0)
    arm_timeout(h.attempt);
  self_->send(h.worker, std::move(work));
}

/// The next brief attempts of the same size go along: they use the room of the first, one after the
/// other.
std::vector<start_attempt> executor_state::take_brief_followers(held const& first) {
  std::vector<start_attempt> followers;
  while (!waiting_.empty() && followers.size() + 1 < most_in_chunk) {
    auto const next = held_.find(waiting_.front());
    if (next == held_.end()) {
      waiting_.pop_front();
      continue;
    }
    auto& h = next->second;
    // A stage host serves one tenant.
    bool const same = how_to_run(h.attempt.stage).brief && h.attempt.devices.empty() &&
                      h.attempt.cpu == first.attempt.cpu &&
                      h.attempt.memory_mb == first.attempt.memory_mb &&
                      h.backend == first.backend &&
                      (h.backend == "in_process" || h.attempt.tenant_id == first.attempt.tenant_id);
    if (!same)
      break;
    waiting_.pop_front();
    h.control = first.control;
    h.lease = first.lease;
    h.worker = cpu_worker_;
    followers.push_back(h.attempt);
  }
  return followers;
}

caf::actor const& executor_state::worker_for(start_attempt const& attempt) const {
  if (attempt.devices.empty())
    return cpu_worker_;
  auto const found = gpu_workers_.find(attempt.devices.front().index);
  return found == gpu_workers_.end() ? cpu_worker_ : found->second;
}

void executor_state::arm_timeout(start_attempt const& attempt) {
  auto const at = self_->clock().now() + std::chrono::milliseconds{attempt.timeout_ms};
  timeouts_.emplace(at, attempt.ref);
  self_->delayed_send(self_, std::chrono::milliseconds{attempt.timeout_ms}, timeout_atom::value);
}

void executor_state::tick_timeouts() {
  auto const now = self_->clock().now();
  while (!timeouts_.empty() && timeouts_.begin()->first <= now) {
    auto const ref = timeouts_.begin()->second;
    timeouts_.erase(timeouts_.begin());
    if (held_.contains(ref))
      stop_one(ref, attempt_result::timed_out);
  }
  report();
}

void executor_state::stop(stop_attempts const& m) {
  for (auto const ref : m.attempts) {
    if (held_.contains(ref))
      stop_one(ref, attempt_result::canceled);
    else if (spool_.contains(ref))
      unreported_.push_back(ref);
    else
      settle(unstarted(ref, attempt_result::canceled));
  }
  try_start();
  report();
}

void executor_state::stop_one(attempt_ref ref, attempt_result as) {
  auto const found = held_.find(ref);
  if (found == held_.end())
    return;
  auto& h = found->second;
  if (!h.control) {
    end_unstarted(ref, as);
    return;
  }
  // Brief attempts in a host share their control, and are stopped one by one.
  if (h.backend != "stage_host")
    h.control->request_stop(as);
  if (h.backend != "in_process")
    self_->send(h.worker, stop_outside{ref, as, h.attempt.stop_signal, h.attempt.grace_ms});
}

void executor_state::end_unstarted(attempt_ref ref, attempt_result as) {
  held_.erase(ref);
  settle(unstarted(ref, as));
}

void executor_state::over(attempts_over& m) {
  for (auto& outcome : m.outcomes) {
    auto const found = held_.find(outcome.ref);
    if (found == held_.end() || doubts(found->second, outcome))
      continue;
    conclude(outcome.ref, std::move(outcome));
  }
  report();
  try_start();
  finish_if_empty();
}

void executor_state::settle(attempt_outcome outcome) {
  // By this the scheduler knows that nobody is to blame, whatever it remembers of this node.
  if (time_is_up_ && outcome.result == attempt_result::returned && !outcome.error)
    outcome.error = error_of("infra", "lifetime_over",
                             "node " + options_.node.name + " has come to the end of its lifetime");
  unreported_.push_back(outcome.ref);
  spool_.add(std::move(outcome));
}

void executor_state::report() {
  auto const refs = std::exchange(unreported_, {});
  if (session_ == 0 || refs.empty())
    return;  // the next registration tells them
  self_->send(scheduler_, report_outcomes{session_, spool_.some(refs)});
}

void executor_state::recorded(outcomes_recorded const& m) {
  for (auto const ref : m.attempts)
    spool_.confirm(ref);
  finish_if_empty();
}

log_chunk executor_state::read(read_log const& m) const {
  constexpr std::size_t most_bytes = 1024 * 1024;
  log_chunk chunk;
  chunk.attempt = m.attempt;
  chunk.offset = m.offset;
  // Looked at before the file: what is written after the last look is found by the next one.
  chunk.complete = !held_.contains({m.job, m.attempt});
  std::ifstream in{options_.where->log_of({m.job, m.attempt}), std::ios::binary};
  if (in && in.seekg(m.offset)) {
    chunk.bytes.resize(most_bytes);
    in.read(chunk.bytes.data(), static_cast<std::streamsize>(most_bytes));
    chunk.bytes.resize(static_cast<std::size_t>(in.gcount()));
  }
  chunk.next_offset = chunk.offset + static_cast<std::int64_t>(chunk.bytes.size());
  chunk.complete = chunk.complete && chunk.bytes.size() < most_bytes;
  return chunk;
}

void executor_state::shut(shut_down const& m) {
  if (m.at_once) {
    leave();
    return;
  }
  if (std::exchange(shutting_, true))
    return;
  if (session_ != 0)
    self_->send(scheduler_, leave_cluster{options_.node.uuid, session_});
  std::vector<attempt_ref> refs;
  for (auto& [ref, h] : held_) {
    h.attempt.grace_ms = std::min(h.attempt.grace_ms, options_.grace_ms);
    refs.push_back(ref);
  }
  for (auto const ref : refs)
    stop_one(ref, attempt_result::returned);
  report();
  // Outcomes that the scheduler does not confirm in time stay in the spool.
  self_->delayed_send(self_, std::chrono::milliseconds{options_.grace_ms + 2000},
                      finish_atom::value);
  finish_if_empty();
}

void executor_state::time_is_up() {
  if (shutting_)
    return;
  spdlog::info("node {}: its lifetime ends; running attempts have their grace period",
               options_.node.name);
  time_is_up_ = true;
  shut({false});
}

void executor_state::finish_if_empty() {
  bool const told = spool_.empty() || session_ == 0;
  if (!shutting_ || !held_.empty() || !told)
    return;
  leave();
}

/// The watch ends here, on the actor's thread: whoever drops the last reference to this may be the
/// watch itself, or the pool that it asks.
void executor_state::leave() {
  watch_.reset();
  spool_.save();
  self_->quit(caf::exit_reason::user_shutdown);
}

caf::actor spawn_executor(caf::actor_system& system, executor_options options) {
  return system.spawn(
      [options = std::move(options)](caf::event_based_actor* self) -> caf::behavior {
        auto s = std::make_shared<executor_state>(self, options);
        self->set_down_handler([s](caf::down_msg& down) { s->lost_contact(down); });
        self->set_error_handler([self](caf::error& e) {
          spdlog::warn("executor: a peer answered {}", self->system().render(e));
        });
        return {
            // the scheduler
            [s](scheduler_found const& m) { s->found(m); },
            [s](scheduler_missing const& m) { s->missing(m); },
            [s](start_attempts& m) { s->start(m); },
            [s](stop_attempts const& m) { s->stop(m); },
            [s](outcomes_recorded const& m) { s->recorded(m); },
            [s](read_log const& m) { return s->read(m); },
            [](answer const&) {
            },  // to leave_cluster; the outcomes that it hands back are confirmed by themselves
            // the workers
            [s](attempts_over& m) { s->over(m); },
            // the GPUs
            [s](gpu_look const& m) { s->looked(m); },
            [s](late_look_atom, attempt_ref ref) { s->look_is_late(ref); },
            // the node
            [s](shut_down const& m) { s->shut(m); },
            // its own timers
            [s](beat_atom, std::uint64_t generation) { s->tick_beat(generation); },
            [s](spool_atom) { s->tick_spool(); },
            [s](timeout_atom) { s->tick_timeouts(); },
            [s](leave_atom) { s->time_is_up(); },
            [s](seek_atom) { s->seek_again(); },
            [s](finish_atom) { s->shut({true}); },
        };
      });
}

}  // namespace nsai::actors
