#include "actors/scheduler_link.hpp"

#include <memory>
#include <mutex>
#include <random>

#include <caf/all.hpp>

namespace nsai::actors {
namespace {

using find_atom = caf::atom_constant<caf::atom("find")>;

struct finder_state {
  std::minstd_rand random{std::random_device{}()};
  std::int64_t pause_ms = 100;
};

/// Waits for the finder. An actor with a thread of its own must not have a delayed message when the
/// process ends: CAF stops its clock, which keeps the message and with it the actor, and then waits
/// for the thread without end.
caf::behavior pacer(caf::event_based_actor* self, caf::actor finder) {
  return {
      [=](find_atom, caf::actor const& seeker, std::int64_t pause_ms) {
        self->delayed_send(self, std::chrono::milliseconds{pause_ms}, find_atom::value, seeker);
      },
      [=](find_atom, caf::actor const& seeker) { self->send(finder, find_atom::value, seeker); },
  };
}

caf::behavior finder(caf::event_based_actor* self, endpoint where, secret_source secret) {
  auto s = std::make_shared<finder_state>();
  auto const pauses = self->spawn<caf::linked>(pacer, caf::actor_cast<caf::actor>(self));
  // Not in order ("normal"), which would leave the pacer that is linked to it.
  self->set_down_handler(
      [self](caf::down_msg const&) { self->quit(caf::exit_reason::user_shutdown); });
  return {
      [=](find_atom, caf::actor const& seeker) {
        auto found =
            connect_to_scheduler(self->system(), where, secret(), std::chrono::milliseconds{2000});
        if (auto* scheduler = std::get_if<caf::actor>(&found)) {
          s->pause_ms = 100;
          self->send(seeker, scheduler_found{*scheduler});
          return;
        }
        self->send(seeker, scheduler_missing{std::get<error_info>(found)});
        // Many nodes that lost the same scheduler do not come back in the same instant.
        std::uniform_int_distribution<std::int64_t> jitter{s->pause_ms / 2, s->pause_ms};
        self->send(pauses, find_atom::value, seeker, jitter(s->random));
        s->pause_ms = std::min<std::int64_t>(s->pause_ms * 2, 2000);
      },
      [=](caf::actor const& owner) { self->monitor(owner); },
  };
}

/// Seekers may be several actors of one process, on several threads.
struct lazy_finder {
  std::mutex mutex;
  caf::actor actor;
};

}  // namespace

find_scheduler find_remotely(caf::actor_system& system, endpoint where, std::string secret) {
  return find_remotely(system, std::move(where),
                       secret_source{[secret = std::move(secret)] { return secret; }});
}

find_scheduler find_remotely(caf::actor_system& system, endpoint where, secret_source secret) {
  auto const lazy = std::make_shared<lazy_finder>();
  return [&system, where = std::move(where), secret = std::move(secret), lazy](caf::actor seeker) {
    std::lock_guard const lock{lazy->mutex};
    if (!lazy->actor) {
      lazy->actor = system.spawn<caf::detached>(finder, where, secret);
      caf::anon_send(lazy->actor, seeker);
    }
    caf::anon_send(lazy->actor, find_atom::value, std::move(seeker));
  };
}

find_scheduler find_locally(caf::actor scheduler) {
  return [scheduler = std::move(scheduler)](caf::actor seeker) {
    caf::anon_send(seeker, scheduler_found{scheduler});
  };
}

}  // namespace nsai::actors
