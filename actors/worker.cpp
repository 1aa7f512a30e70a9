#include "actors/worker.hpp"

#include <chrono>
#include <cmath>
#include <csignal>
#include <fstream>
#include <map>

#include <caf/all.hpp>
#include <spdlog/spdlog.h>

#include "actors/host_pool.hpp"
#include "actors/program_run.hpp"
#include "processes/signal_names.hpp"

namespace nsai::actors {

/// Sent to the worker by the process pool's thread.
struct program_over {
  attempt_ref ref;
  processes::process_exit exit;
};

/// Sent to the worker by the host pool's thread: no idle host is left on the program's devices.
struct way_is_clear {
  start_attempt attempt;
  std::shared_ptr<attempt_control> control;
};

}  // namespace nsai::actors

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(nsai::actors::way_is_clear)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(nsai::actors::program_over)

namespace nsai::actors {
namespace {

namespace fs = std::filesystem;

struct running_program {
  start_attempt attempt;
  std::shared_ptr<attempt_control> control;
  processes::process_handle handle = 0;
};

/// Runs stages in this process, on the calling thread.
class stage_runner {
 public:
  stage_runner(std::shared_ptr<workplace const> where, std::string name)
      : where_(std::move(where)), name_(std::move(name)) {}

  attempts_over run(run_attempts const& work) const {
    attempts_over over;
    over.outcomes.reserve(work.attempts.size());
    for (auto const& attempt : work.attempts)
      over.outcomes.push_back(run(attempt, *work.control, work.brief));
    return over;
  }

 private:
  attempt_outcome run(start_attempt const& attempt, attempt_control& control, bool brief) const {
    auto const begin = std::chrono::steady_clock::now();
    attempt_outcome outcome;
    if (auto const* stage = where_->registry->find(attempt.stage)) {
      outcome = run_in_env(*stage, attempt, control, brief);
    } else {
      outcome.result = attempt_result::returned;
      outcome.error =
          error_of("infra", "unknown_stage", "this node does not have the stage " + attempt.stage);
    }
    auto const took = std::chrono::steady_clock::now() - begin;
    outcome.ref = attempt.ref;
    outcome.backend = "in_process";
    outcome.worker = name_;
    outcome.duration_ms = std::chrono::duration_cast<std::chrono::milliseconds>(took).count();
    outcome.busy_us = std::max<std::int64_t>(
        1, std::chrono::duration_cast<std::chrono::microseconds>(took).count());
    if (outcome.result == attempt_result::canceled && control.stopped_as() != attempt_result::none)
      outcome.result = control.stopped_as();
    if (outcome.result == attempt_result::timed_out)
      outcome.error = timeout_error(attempt);
    return outcome;
  }

  attempt_outcome run_in_env(stages::stage const& stage, start_attempt const& attempt,
                             attempt_control& control, bool brief) const {
    // Brief stages get no directories: making their names alone would cost more than the stage.
    auto const run_dir = brief ? fs::path{} : where_->run_dir_of(attempt.ref);
    stages::stage_env env;
    env.stop = control.token();
    env.attempt = attempt.ref.attempt;
    env.job = attempt.ref.job.value;
    env.array_index = attempt.array_index;
    env.gang = attempt.gang;
    env.step = attempt.step;
    env.devices = attempt.devices;
    if (!brief) {
      env.scratch = run_dir / "scratch";
      env.artifacts = where_->artifacts_of(attempt);
    }
    env.datasets = where_->datasets;
    env.progress = [&control](double fraction, std::string const& text) {
      control.set_progress({milli{std::llround(std::clamp(fraction, 0.0, 1.0) * 1000)}, text});
    };
    std::ofstream log;
    env.log = [&](std::string const& line) {
      if (!log.is_open()) {
        auto const file = where_->log_of(attempt.ref);
        std::error_code ignored;
        fs::create_directories(file.parent_path(), ignored);
        log.open(file, std::ios::app);
      }
      log << line << '\n' << std::flush;
    };
    std::error_code ignored;
    if (!brief) {
      fs::create_directories(env.scratch, ignored);
      fs::create_directories(env.artifacts, ignored);
    }
    auto outcome = stages::run_stage(stage, attempt.options, attempt.context, env);
    if (!brief) {
      fs::remove_all(run_dir, ignored);
      fs::remove(env.artifacts, ignored);  // succeeds only when nothing was left in it
    }
    return outcome;
  }

  std::shared_ptr<workplace const> where_;
  std::string name_;
};

/// A thread for stages that may block: runs what the worker gives it, one message at a time.
caf::behavior lane(caf::event_based_actor* self, std::shared_ptr<workplace const> where,
                   caf::actor worker, std::string name) {
  auto runner = std::make_shared<stage_runner>(std::move(where), std::move(name));
  return {
      [self, runner, worker](run_attempts const& work) {
        self->send(worker, runner->run(work), caf::actor_cast<caf::actor>(self));
      },
  };
}

class worker_state {
 public:
  worker_state(caf::event_based_actor* self, std::shared_ptr<workplace const> where,
               caf::actor executor, std::string name)
      : self_(self),
        where_(std::move(where)),
        executor_(std::move(executor)),
        name_(std::move(name)),
        runner_(where_, name_),
        files_(where_->run_dir() / ("spare-" + name_), where_->uses) {}

  void run(run_attempts& work) {
    if (work.backend == "command") {
      for (auto& attempt : work.attempts)
        clear_way(std::move(attempt), work.control);
    } else if (work.backend == "stage_host") {
      run_in_host(work);
    } else if (work.brief) {
      tell(runner_.run(work));
    } else {
      self_->send(idle_lane(), std::move(work));
    }
  }

  void stop(stop_outside const& request) {
    auto const found = programs_.find(request.ref);
    if (found == programs_.end()) {
      if (where_->hosts)
        where_->hosts->stop(request.ref, request.as, request.grace_ms);
      return;
    }
    auto const signal = processes::signal_number(request.signal).value_or(SIGTERM);
    where_->pool->stop(found->second.handle, signal, std::chrono::milliseconds{request.grace_ms});
  }

  void over(program_over const& end) {
    auto const found = programs_.find(end.ref);
    if (found == programs_.end())
      return;
    auto const& program = found->second;
    auto outcome =
        conclude(*where_, files_, program.attempt, end.exit, program.control->stopped_as());
    outcome.worker = name_;
    auto const attempt = std::move(found->second.attempt);
    programs_.erase(found);
    auto left = files_of(*where_, attempt);
    if (outcome.result == attempt_result::succeeded && stages::has_files(left))
      tell_with_files(std::move(left), attempt.context, std::move(outcome));
    else
      tell({{std::move(outcome)}});
  }

  void lane_is_free(attempts_over&& over, caf::actor const& lane) {
    constexpr std::size_t most_idle = 16;
    if (idle_lanes_.size() < most_idle)
      idle_lanes_.push_back(lane);
    else
      self_->send_exit(lane, caf::exit_reason::user_shutdown);
    tell(std::move(over));
  }

 private:
  void tell(attempts_over&& over) { self_->send(executor_, std::move(over)); }

  /// Large files take long to hash; nothing else waits for that.
  void tell_with_files(stages::attempt_files&& left, json_text before, attempt_outcome&& outcome) {
    // Weak: what takes long must not keep the executor, which keeps the pool.
    self_->spawn<caf::detached>([to = caf::actor_cast<caf::weak_actor_ptr>(executor_),
                                 left = std::move(left), before = std::move(before),
                                 outcome = std::move(outcome)](caf::event_based_actor*) mutable {
      try {
        stages::tell_files(outcome, before, left);
        stages::refuse_large(outcome);
      } catch (std::exception const& e) {
        spdlog::warn("the artifacts of job {} are not listed: {}", left.job, e.what());
      }
      if (auto const executor = caf::actor_cast<caf::strong_actor_ptr>(to))
        caf::anon_send(caf::actor_cast<caf::actor>(executor), attempts_over{{std::move(outcome)}});
    });
  }

  caf::actor idle_lane() {
    if (idle_lanes_.empty()) {
      auto const name = name_ + "." + std::to_string(++lanes_made_);
      return self_->spawn<caf::detached + caf::linked>(lane, where_,
                                                       caf::actor_cast<caf::actor>(self_), name);
    }
    auto lane = std::move(idle_lanes_.back());
    idle_lanes_.pop_back();
    return lane;
  }

  void run_in_host(run_attempts& work) {
    host_work given;
    given.attempts = std::move(work.attempts);
    given.brief = work.brief;
    // Weak: a batch that never ends must not keep the executor, which keeps the pool.
    given.over = [to = caf::actor_cast<caf::weak_actor_ptr>(executor_)](
                     std::vector<attempt_outcome> outcomes) {
      if (auto const executor = caf::actor_cast<caf::strong_actor_ptr>(to))
        caf::anon_send(caf::actor_cast<caf::actor>(executor), attempts_over{std::move(outcomes)});
    };
    // Brief attempts share their control: nobody could tell whose progress it was.
    if (!work.brief)
      given.progress = [control = work.control](attempt_ref, progress_info progress) {
        control->set_progress(std::move(progress));
      };
    where_->hosts->run(std::move(given));
  }

  /// A program on a device finds no memory of idle hosts there.
  void clear_way(start_attempt&& attempt, std::shared_ptr<attempt_control> const& control) {
    if (attempt.devices.empty() || !where_->hosts)
      return start_program(std::move(attempt), control);
    auto const devices = attempt.devices;
    where_->hosts->clear(
        devices, [me = caf::actor_cast<caf::actor>(self_),
                  next = way_is_clear{std::move(attempt), control}] { caf::anon_send(me, next); });
  }

 public:
  void go_on(way_is_clear& m) {
    if (m.control->stopped_as() == attempt_result::none)
      return start_program(std::move(m.attempt), m.control);
    attempt_outcome outcome;
    outcome.ref = m.attempt.ref;
    outcome.result = m.control->stopped_as();
    outcome.backend = "command";
    tell({{std::move(outcome)}});
  }

 private:
  void start_program(start_attempt&& attempt, std::shared_ptr<attempt_control> const& control) {
    auto const ref = attempt.ref;
    auto prepared = prepare(*where_, files_, attempt);
    if (auto* fault = std::get_if<error_info>(&prepared)) {
      attempt_outcome outcome;
      outcome.ref = ref;
      outcome.result =
          fault->category == "infra" ? attempt_result::returned : attempt_result::failed;
      outcome.error = std::move(*fault);
      outcome.backend = "command";
      outcome.worker = name_;
      tell({{std::move(outcome)}});
      return;
    }
    // The entry is there before the program, whose end may be told at once.
    auto& program = programs_[ref];
    program.attempt = std::move(attempt);
    program.control = control;
    auto const me = caf::actor_cast<caf::actor>(self_);
    auto const leaders = where_->leaders;
    program.handle = where_->pool->start(
        std::get<processes::process_spec>(std::move(prepared)),
        [me, ref, leaders](processes::process_exit exit) {
          leaders->remove(ref);
          if (exit.is_stuck()) {
            leaders->add_stuck(exit.stuck_below);
            spdlog::error(
                "job {}, attempt {}: its processes hang in the kernel and cannot be killed; "
                "they keep what they hold",
                ref.job.value, ref.attempt);
          }
          caf::anon_send(me, program_over{ref, std::move(exit)});
        },
        [ref, leaders](pid_t pid) { leaders->add(ref, pid); });
  }

  caf::event_based_actor* self_;
  std::shared_ptr<workplace const> where_;
  caf::actor executor_;
  std::string name_;
  stage_runner runner_;
  run_directories files_;
  std::map<attempt_ref, running_program> programs_;
  std::vector<caf::actor> idle_lanes_;
  std::size_t lanes_made_ = 0;
};

caf::behavior behave(caf::event_based_actor* self, std::shared_ptr<workplace const> where,
                     caf::actor executor, std::string name) {
  auto s =
      std::make_shared<worker_state>(self, std::move(where), std::move(executor), std::move(name));
  return {
      [s](run_attempts& m) { s->run(m); },
      [s](stop_outside const& m) { s->stop(m); },
      [s](way_is_clear& m) { s->go_on(m); },
      [s](program_over const& m) { s->over(m); },
      [s](attempts_over& m, caf::actor const& lane) { s->lane_is_free(std::move(m), lane); },
  };
}

}  // namespace

void attempt_control::request_stop(attempt_result as) {
  auto none = attempt_result::none;
  stopped_as_.compare_exchange_strong(none, as);
  stop_.request_stop();
}

void attempt_control::set_progress(progress_info progress) {
  std::lock_guard const lock{mutex_};
  progress_ = std::move(progress);
}

std::optional<progress_info> attempt_control::take_progress() {
  std::lock_guard const lock{mutex_};
  return std::exchange(progress_, std::nullopt);
}

caf::behavior cpu_worker(caf::event_based_actor* self, std::shared_ptr<workplace const> where,
                         caf::actor executor, std::string name) {
  return behave(self, std::move(where), std::move(executor), std::move(name));
}

caf::behavior gpu_worker(caf::event_based_actor* self, std::shared_ptr<workplace const> where,
                         caf::actor executor, gpu_info device) {
  return behave(self, std::move(where), std::move(executor), "gpu-" + std::to_string(device.index));
}

}  // namespace nsai::actors
