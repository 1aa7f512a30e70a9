#include "actors/scheduler.hpp"

#include <cmath>
#include <thread>

#include <spdlog/spdlog.h>

#include "actors/scheduler_state.hpp"
#include "actors/tenant_supervisor.hpp"

namespace nsai::actors {
namespace {

using wake_atom = caf::atom_constant<caf::atom("wake")>;
using probe_atom = caf::atom_constant<caf::atom("probe")>;
using retain_atom = caf::atom_constant<caf::atom("retain")>;
using usage_atom = caf::atom_constant<caf::atom("usage")>;

/// A crash forgets no more than this of what tenants have used.
constexpr std::chrono::seconds between_usages{60};

}  // namespace

scheduler_state::scheduler_state(caf::event_based_actor* self, scheduler_options options,
                                 opened_store store)
    : self_(self), options_(std::move(options)) {
  started_at_ = now();
  for (auto const& stage : options_.core.known_stages)
    known_stages_.emplace(stage.name, stage);
  auto const me = caf::actor_cast<caf::actor>(self);
  // What the network cannot keep up with is read later, so that it has time for others, too. Not
  // for ever: somebody in this process may keep an answer.
  auto const hold = [congested = options_.congested, on_the_way = on_the_way_] {
    constexpr std::int64_t most_bytes = 32 * 1024 * 1024;
    constexpr int most_rounds = 1000;
    for (int i = 0; i < most_rounds && (congested() || on_the_way->load() > most_bytes); ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds{2});
  };
  if (options_.own_threads) {
    writer_ = self->spawn<caf::detached + caf::linked>(store_writer, std::move(store.writing), me);
    reader_ =
        self->spawn<caf::detached + caf::linked>(store_reader, std::move(store.reading), me, hold);
  } else {
    writer_ = self->spawn<caf::linked>(store_writer, std::move(store.writing), me);
    // A wait would hold up those that it is for.
    reader_ = self->spawn<caf::linked>(store_reader, std::move(store.reading), me, nullptr);
  }
  events_promised_ =
      store::job_store{options_.store, store::job_store::access::read_only}.events_reserved();
  feed_ = self->spawn<caf::linked>(
      event_feed_actor,
      feed_settings{events_promised_, options_.trace_seed, labels_.keep_alive(), me});
  learn_backends(options_.core.known_stages);
  load();
  settle();
}

void scheduler_state::decided(scheduling::supervisor_decided const& decision) {
  apply(decision);
  settle();
}

void scheduler_state::woke() {
  apply(scheduling::clock_advanced{});
  settle();
}

void scheduler_state::probe() {
  self_->send(writer_, probe_order{});
}

void scheduler_state::retain() {
  std::erase_if(keyed_, [&](auto const& each) {
    return !core_.find_key(each.first.first, each.first.second);
  });
  if (options_.retention_ms > 0 && store_error_.empty())
    self_->send(writer_, retention_order{now() + -options_.retention_ms});
}

/// While the store takes no writes there is no core to tell: the next one begins with these.
void scheduler_state::change(change_tenants const& m) {
  options_.core.tenants = m.tenants;
  if (!store_error_.empty())
    return;
  apply(scheduling::tenants_changed{m.tenants});
  settle();
}

void scheduler_state::keep_usage() {
  store::put_usage usage;
  usage.at = now();
  for (auto const& each : core_.usage()) {
    store::put_usage::owner row{each.tenant_id, each.owner, std::llround(each.used.cpu),
                                std::llround(each.used.memory_mb),
                                std::llround(each.used.gpus * 1000)};
    if (row.cpu_ms + row.memory_mb_s + row.gpu_ms > 0)  // names that have decayed away go
      usage.list.push_back(std::move(row));
  }
  if (usage.list.empty() || !store_error_.empty())
    return;
  pipeline_.changes().emplace_back(std::move(usage));
  settle();
}

caf::actor spawn_scheduler(caf::actor_system& system, scheduler_options options) {
  // Opened here, so that the caller hears of a store that cannot be used.
  opened_store store;
  store.writing =
      std::make_shared<store::job_store>(options.store, store::job_store::access::read_write);
  store.reading =
      std::make_shared<store::job_store>(options.store, store::job_store::access::read_only);
  return system.spawn(
      [options = std::move(options), store](caf::event_based_actor* self) mutable -> caf::behavior {
        auto s = std::make_shared<scheduler_state>(self, options, std::exchange(store, {}));
        self->set_down_handler([s](caf::down_msg& down) { s->lost_contact(down); });
        // An error message is a peer's complaint (it did not understand an answer, say); by default
        // it would end this actor.
        self->set_error_handler([self](caf::error& e) {
          spdlog::warn("scheduler: a peer answered {}", self->system().render(e));
        });
        self->delayed_send(self, std::chrono::minutes{10}, retain_atom::value);
        self->delayed_send(self, between_usages, usage_atom::value);
        return {
            // clients
            [s](submit_jobs& m) { return s->submit(m); },
            [s](retry_jobs const& m) { return s->retry(m); },
            [s](cancel_jobs const& m) { return s->cancel(m); },
            [s](add_recurrence& m) { return s->recur(m); },
            [s](cancel_recurrences const& m) { return s->cancel(m); },
            [s](list_recurrences const& m) { return s->list(m); },
            [s](watch_jobs const& m) { return s->watch(m); },
            [s](get_jobs const& m) { return s->get(m); },
            [s](explain_job const& m) { return s->explain(m); },
            [s](list_jobs const& m) { return s->list(m); },
            [s](read_log const& m) { return s->log(m); },
            [s](list_nodes const&) { return s->nodes(); },
            [s](drain_nodes const& m) { return s->drain(m); },
            [s](resume_nodes const& m) { return s->resume(m); },
            [s](list_stages const& m) { return s->stages(m); },
            [s](list_tenants const&) { return s->tenants(); },
            [s](get_stats const&) { return s->statistics(); },
            [s, self](watch_events const& m, caf::actor const& who) {
              self->delegate(s->feed(), m, who);
              return caf::delegated<events>{};
            },
            [s, self](events_read const& m) { self->delegate(s->feed(), m); },
            [s, self](detach_reader const& m) {
              self->delegate(s->feed(), m);
              return caf::delegated<answer>{};
            },
            // executors
            [s](register_node& m, caf::actor const& executor) { return s->join(m, executor); },
            [s](beat const& m) { return s->heard(m); },
            [s](report_outcomes const& m) { s->record(m); },
            [s](leave_cluster const& m) { return s->leave(m); },
            [s](change_tenants const& m) { s->change(m); },
            // its own: store, feed, supervisors, clock
            [s](reader_failed const& m) { s->tell_failed(m); },
            [s](commit_done const& m) { s->committed(m); },
            [s](read_done const& m) {
              if (*m.continuation)
                (*m.continuation)();
            },
            [s](scheduling::supervisor_decided const& m) { s->decided(m); },
            [s](wake_atom, std::int64_t) { s->woke(); },
            [s](probe_atom) { s->probe(); },
            [s, self](usage_atom) {
              s->keep_usage();
              self->delayed_send(self, between_usages, usage_atom::value);
            },
            [s, self](retain_atom) {
              s->retain();
              self->delayed_send(self, std::chrono::minutes{10}, retain_atom::value);
            },
        };
      });
}

}  // namespace nsai::actors
