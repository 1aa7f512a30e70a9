#include "actors/client_actor.hpp"

#include <map>
#include <memory>
#include <set>

#include <caf/all.hpp>

#include "actors/secret.hpp"
#include "messages/caf_inspection.hpp"
#include "messages/recurrence.hpp"
#include "messages/tenant.hpp"

namespace nsai::actors {
namespace {

using std::chrono::milliseconds;
using tick_atom = caf::atom_constant<caf::atom("tick")>;
using again_atom = caf::atom_constant<caf::atom("again")>;

/// One exchange may wait this long for an answer before the connection is doubted.
constexpr milliseconds one_exchange{10'000};
/// How exact limits are.
constexpr milliseconds tick{100};

caf::error as_error(error_info why) {
  return caf::make_error(caf::sec::runtime_error, std::move(why));
}

class client_state {
 public:
  client_state(caf::event_based_actor* self, client_settings settings)
      : self_(self), settings_(std::move(settings)), absent_since_(now()) {
    settings_.find(me());
  }

  std::string const& tenant() const { return settings_.tenant; }

  /// Sends the request, again after every reconnect, until the reply has come or time is up. `note`
  /// sees the reply just before the one who asked.
  template <class Reply, class... Messages>
  caf::result<Reply> forward_noting(std::function<void(Reply const&)> note,
                                    Messages const&... messages) {
    auto promise = self_->make_response_promise();
    enter<Reply>(
        [promise, note = std::move(note)](Reply& reply) mutable {
          if (note)
            note(reply);
          promise.deliver(std::move(reply));
        },
        [promise](error_info why) mutable { promise.deliver(as_error(std::move(why))); },
        messages...);
    return promise;
  }
  template <class Reply, class... Messages>
  caf::result<Reply> forward(Messages const&... messages) {
    return forward_noting<Reply>({}, messages...);
  }

  caf::result<submit_reply> submit(submit_jobs& m) {
    for (auto& job : m.jobs) {
      job.tenant_id = settings_.tenant;
      if (job.key.empty())
        job.key = "auto-" + random_hex(16);
    }
    auto s = std::make_shared<open_submission>();
    if (m.subscribe)  // before the promise, which takes the sender away
      s->subscriber = caf::actor_cast<caf::actor>(self_->current_sender());
    s->promise = self_->make_response_promise();
    s->until = now() + settings_.pause_limit;
    for (std::size_t i = 0; i < m.jobs.size(); ++i)
      s->positions.push_back(i);
    s->reply.results.resize(m.jobs.size());
    s->message = std::move(m);
    send(s);
    return s->promise;
  }

  /// What came too fast may come now.
  void send_again(std::uint64_t number) {
    if (auto const held = held_back_.extract(number); !held.empty())
      send(held.mapped());
  }

  caf::result<submit_reply> retry(retry_jobs& m) {
    m.tenant_id = settings_.tenant;
    if (m.key.empty())
      m.key = "auto-" + random_hex(16);
    return forward<submit_reply>(m);
  }

  caf::result<jobs_ended> await(await_jobs& m) {
    auto promise = self_->make_response_promise();
    if (m.jobs.empty()) {
      promise.deliver(jobs_ended{});
      return promise;
    }
    auto const number = add_wait(std::move(m.jobs), m.limit);
    waits_.at(number).promise = promise;
    watch(number);
    return promise;
  }

  void ended(jobs_ended& m) {
    std::map<std::uint64_t, jobs_ended> letters;
    for (auto& end : m.jobs) {
      auto const [from, to] = waiting_for_.equal_range(end.id);
      for (auto each = from; each != to; ++each)
        letters[each->second].jobs.push_back(end);
      waiting_for_.erase(from, to);
    }
    for (auto& [number, letter] : letters) {
      auto& wait = waits_.at(number);
      wait.open -= letter.jobs.size();
      if (wait.subscriber)
        self_->send(wait.subscriber, letter);
      else
        for (auto& end : letter.jobs)
          wait.ends[end.id] = std::move(end);
      if (wait.open > 0)
        continue;
      if (!wait.subscriber) {
        jobs_ended all;
        for (auto const job : wait.jobs)
          all.jobs.push_back(wait.ends.at(job));
        wait.promise.deliver(std::move(all));
      }
      waits_.erase(number);
    }
  }

  caf::result<events> follow(watch_events const& wish, caf::actor const& reader) {
    if (!wish.follow)
      return forward<events>(wish, reader);
    // A reader is followed over reconnects from its first answer on; before, the call itself is.
    auto const note = [this, wish, reader](events const& first) {
      if (first.error)
        return;
      self_->monitor(reader);
      auto& followed = readers_[reader.address()] = {reader, wish};
      if (first.list.empty())
        followed.wish.after = first.position;
    };
    return forward_noting<events>(note, wish, reader);
  }

  void read(events_read const& m) {
    auto const sender = caf::actor_cast<caf::actor_addr>(self_->current_sender());
    auto const found = readers_.find(sender);
    if (found == readers_.end())
      return;
    found->second.wish.after = m.sequence;
    if (scheduler_)
      self_->delegate(scheduler_, m);
  }

  void found(scheduler_found const& m) {
    scheduler_ = m.scheduler;
    ++generation_;
    self_->monitor(scheduler_);
    for (auto& [number, call] : calls_)
      call.send();
    for (auto& [number, wait] : waits_)
      if (!wait.asking)
        watch(number);
    for (auto& [address, reader] : readers_)
      enter<events>([this, to = reader.reader](events& m) { self_->send(to, std::move(m)); },
                    [](error_info const&) {}, reader.wish, reader.reader);
  }

  void missing(scheduler_missing const& m) {
    last_fault_ = m.why;
    if (m.why.category == "refused")
      fail_everything(m.why);
  }

  void lost(caf::down_msg const& down) {
    if (scheduler_ && down.source == scheduler_.address())
      look_again();
    readers_.erase(down.source);
    for (auto wait = waits_.begin(); wait != waits_.end();) {
      auto const next = std::next(wait);
      if (wait->second.subscriber && wait->second.subscriber.address() == down.source)
        drop_wait(wait->first);
      wait = next;
    }
  }

  void tick_limits() {
    ticking_ = false;
    while (!calls_.empty() && now() >= calls_.begin()->second.until) {
      auto const call = std::move(calls_.extract(calls_.begin()).mapped());
      call.fail(why_absent());
    }
    if (!scheduler_ && now() - absent_since_ >= settings_.reconnect_limit)
      fail_waits(why_absent());
    for (auto wait = waits_.begin(); wait != waits_.end();) {
      auto const next = std::next(wait);
      if (wait->second.until && now() >= *wait->second.until)
        fail_wait(wait->first,
                  error_of("timeout", "timed_out",
                           "waiting timed out; " + std::to_string(wait->second.open) + " of " +
                               std::to_string(wait->second.jobs.size()) + " jobs have not ended"));
      wait = next;
    }
    arm();
  }

  void fail_everything(error_info const& why) {
    for (auto const& [number, call] : std::exchange(calls_, {}))
      call.fail(why);
    for (auto const& [number, held] : std::exchange(held_back_, {}))
      held->promise.deliver(as_error(why));
    fail_waits(why);
  }

 private:
  using instant = caf::actor_clock::time_point;
  struct call {
    std::function<void()> send;
    std::function<void(error_info)> fail;
    instant until;  // ascending with the number, since all calls have the same limit
  };
  struct wait {
    std::vector<job_id> jobs;
    std::size_t open = 0;
    std::map<job_id, job_end> ends;  // when someone waits for all
    std::optional<instant> until;
    caf::actor subscriber;  // hears of every end at once; none: the promise hears of all
    caf::response_promise promise;
    bool asking = false;  // its watch_jobs is among the calls
  };
  /// A submission whose jobs may come in parts, when there are more than the tenant may submit.
  struct open_submission {
    submit_jobs message;                 // with the jobs that have no answer yet
    std::vector<std::size_t> positions;  // of these, in the reply
    submit_reply reply;
    instant until;
    caf::actor subscriber;
    caf::response_promise promise;
  };
  struct reader_of_events {
    caf::actor reader;
    watch_events wish;
  };

  caf::actor me() const { return caf::actor_cast<caf::actor>(self_); }
  instant now() const { return self_->clock().now(); }

  template <class Reply, class... Messages>
  void enter(std::function<void(Reply&)> done, std::function<void(error_info)> fail,
             Messages const&... messages) {
    auto const number = ++last_number_;
    auto send = [this, number, done, message = caf::make_message(messages...)] {
      auto const generation = generation_;
      self_->request(scheduler_, one_exchange, message)
          .then(
              [this, number, done](Reply& reply) {
                if (calls_.erase(number) > 0)
                  done(reply);
              },
              [this, number, generation](caf::error const&) {
                if (generation == generation_ && calls_.contains(number))
                  look_again();
              });
    };
    auto& entered = calls_[number];
    entered = {std::move(send), std::move(fail), now() + settings_.call_limit};
    if (scheduler_)
      entered.send();
    arm();
  }

  void send(std::shared_ptr<open_submission> const& s) {
    enter<submit_reply>([this, s](submit_reply& part) { heard(s, part); },
                        [s](error_info why) { s->promise.deliver(as_error(std::move(why))); },
                        s->message);
  }

  void heard(std::shared_ptr<open_submission> const& s, submit_reply& part) {
    subscribe(*s, part);
    std::optional<std::int64_t> pause_ms;
    bool whole = false;  // a batch of which nothing was made
    for (auto const& each : part.results) {
      whole = whole || (each.error && each.error->code == "batch_refused");
      if (each.error && each.error->retry_after_ms)
        pause_ms = std::max(pause_ms.value_or(0), *each.error->retry_after_ms);
    }
    auto const jobs = std::exchange(s->message.jobs, {});
    auto const positions = std::exchange(s->positions, {});
    for (std::size_t i = 0; i < part.results.size() && i < positions.size(); ++i) {
      auto& result = s->reply.results[positions[i]] = std::move(part.results[i]);
      if (!result.error || !(whole || result.error->retry_after_ms))
        continue;
      s->message.jobs.push_back(jobs[i]);
      s->positions.push_back(positions[i]);
    }
    if (!pause_ms || now() + milliseconds{*pause_ms} > s->until) {
      s->promise.deliver(std::move(s->reply));
      return;
    }
    held_back_[++last_number_] = s;
    self_->delayed_send(self_, milliseconds{*pause_ms}, again_atom::value, last_number_);
  }

  void subscribe(open_submission const& s, submit_reply const& part) {
    std::vector<job_id> jobs;
    for (auto const& each : part.results)
      if (!each.error)
        jobs.push_back(each.id);
    if (jobs.empty() || !s.subscriber)
      return;
    self_->monitor(s.subscriber);
    waits_.at(add_wait(std::move(jobs), {})).subscriber = s.subscriber;
  }

  std::uint64_t add_wait(std::vector<job_id> jobs, milliseconds limit) {
    auto const number = ++last_number_;
    auto& w = waits_[number];
    std::set<job_id> const different{jobs.begin(), jobs.end()};
    for (auto const job : different)
      waiting_for_.emplace(job, number);
    w.open = different.size();
    w.jobs = std::move(jobs);
    if (limit.count() > 0)
      w.until = now() + limit;
    arm();
    return number;
  }

  void watch(std::uint64_t number) {
    auto& w = waits_.at(number);
    w.asking = true;
    watch_jobs request{settings_.tenant, {}};
    for (auto const job : w.jobs)
      if (!w.ends.contains(job))
        request.jobs.push_back(job);
    enter<answer>(
        [this, number](answer& reply) {
          auto const found = waits_.find(number);
          if (found == waits_.end())
            return;
          found->second.asking = false;
          if (reply.error)
            fail_wait(number, *reply.error);
        },
        [this, number](error_info why) { fail_wait(number, std::move(why)); }, request);
  }

  void drop_wait(std::uint64_t number) {
    std::erase_if(waiting_for_, [number](auto const& each) { return each.second == number; });
    waits_.erase(number);
  }

  void fail_wait(std::uint64_t number, error_info why) {
    auto const found = waits_.find(number);
    if (found == waits_.end())
      return;
    if (!found->second.subscriber)
      found->second.promise.deliver(as_error(std::move(why)));
    drop_wait(number);
  }

  void fail_waits(error_info const& why) {
    while (!waits_.empty())
      fail_wait(waits_.begin()->first, why);
    for (auto const& [address, reader] : std::exchange(readers_, {}))
      self_->send(reader.reader, events_lost{why});
  }

  void look_again() {
    scheduler_ = {};
    ++generation_;
    absent_since_ = now();
    settings_.find(me());
    arm();
  }

  error_info why_absent() const {
    return last_fault_ && !scheduler_
               ? *last_fault_
               : error_of("unavailable", "no_answer", "the scheduler did not answer in time");
  }

  void arm() {
    bool const needed = !calls_.empty() || !waits_.empty() || (!readers_.empty() && !scheduler_);
    if (needed && !std::exchange(ticking_, true))
      self_->delayed_send(self_, tick, tick_atom::value);
  }

  caf::event_based_actor* self_;
  client_settings settings_;
  caf::actor scheduler_;
  std::uint64_t generation_ = 0;  // of the connection
  instant absent_since_;
  std::optional<error_info> last_fault_;
  bool ticking_ = false;

  std::uint64_t last_number_ = 0;
  std::map<std::uint64_t, call> calls_;
  std::map<std::uint64_t, std::shared_ptr<open_submission>> held_back_;
  std::map<std::uint64_t, wait> waits_;
  std::multimap<job_id, std::uint64_t> waiting_for_;
  std::map<caf::actor_addr, reader_of_events> readers_;
};

}  // namespace

caf::behavior client_actor(caf::event_based_actor* self, client_settings settings) {
  auto s = std::make_shared<client_state>(self, std::move(settings));
  self->set_down_handler([s](caf::down_msg& down) { s->lost(down); });
  self->set_exit_handler([self, s](caf::exit_msg& m) {
    s->fail_everything(error_of("canceled", "client_ended", "the client was ended"));
    self->quit(std::move(m.reason));
  });
  return {
      // the program
      [s](submit_jobs& m) { return s->submit(m); },
      [s](retry_jobs& m) { return s->retry(m); },
      [s](cancel_jobs& m) {
        m.tenant_id = s->tenant();
        return s->forward<answer>(m);
      },
      [s](add_recurrence& m) {
        m.request.tenant_id = s->tenant();
        return s->forward<recurrence_list>(m);
      },
      [s](cancel_recurrences& m) {
        m.tenant_id = s->tenant();
        return s->forward<answer>(m);
      },
      [s](list_recurrences const& m) { return s->forward<recurrence_list>(m); },
      [s](get_jobs& m) {
        m.tenant_id = s->tenant();
        return s->forward<job_list>(m);
      },
      [s](explain_job& m) {
        m.tenant_id = s->tenant();
        return s->forward<explained>(m);
      },
      [s](list_jobs const& m) { return s->forward<job_list>(m); },
      [s](read_log& m) {
        m.tenant_id = s->tenant();
        return s->forward<log_chunk>(m);
      },
      [s](list_nodes const& m) { return s->forward<node_list>(m); },
      [s](drain_nodes const& m) { return s->forward<answer>(m); },
      [s](resume_nodes const& m) { return s->forward<answer>(m); },
      [s](list_stages const& m) { return s->forward<stage_list>(m); },
      [s](list_tenants const& m) { return s->forward<tenant_list>(m); },
      [s](get_stats const& m) { return s->forward<stats>(m); },
      [s](await_jobs& m) { return s->await(m); },
      [s](watch_events const& m, caf::actor const& reader) { return s->follow(m, reader); },
      [s](events_read const& m) { s->read(m); },
      [s](detach_reader& m) {
        m.tenant_id = s->tenant();
        return s->forward<answer>(m);
      },
      // the scheduler
      [s](jobs_ended& m) { s->ended(m); },
      [s](scheduler_found const& m) { s->found(m); },
      [s](scheduler_missing const& m) { s->missing(m); },
      // its own timers
      [s](tick_atom) { s->tick_limits(); },
      [s](again_atom, std::uint64_t number) { s->send_again(number); },
  };
}

error_info client_error(caf::actor_system const& system, caf::error const& e) {
  if (e.category() == caf::atom("system") && e.context().size() == 1 &&
      e.context().match_element<error_info>(0))
    return e.context().get_as<error_info>(0);
  return error_of("unavailable", "no_answer", "the client did not answer: " + system.render(e));
}

}  // namespace nsai::actors
