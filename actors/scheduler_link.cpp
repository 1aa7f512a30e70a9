#include "actors/scheduler_link.hpp"

#include <memory>
#include <random>

#include <caf/all.hpp>
#include <spdlog/spdlog.h>

#include "actors/executor.hpp"

namespace nsai::actors {
namespace {

using find_atom = caf::atom_constant<caf::atom("find")>;

struct finder_state {
  std::minstd_rand random{std::random_device{}()};
  std::string last_error;
  std::int64_t pause_ms = 100;
};

caf::behavior finder(caf::event_based_actor* self, endpoint where, std::string secret) {
  auto s = std::make_shared<finder_state>();
  return {
      [=](find_atom, caf::actor const& executor) {
        auto found =
            connect_to_scheduler(self->system(), where, secret, std::chrono::milliseconds{2000});
        if (auto* scheduler = std::get_if<caf::actor>(&found)) {
          s->pause_ms = 100;
          s->last_error.clear();
          self->send(executor, scheduler_found{*scheduler});
          return;
        }
        auto const& error = std::get<error_info>(found);
        if (std::exchange(s->last_error, error.message) != error.message)
          spdlog::warn("{}", error.message);
        // Many nodes that lost the same scheduler do not come back in the same instant.
        std::uniform_int_distribution<std::int64_t> jitter{s->pause_ms / 2, s->pause_ms};
        self->delayed_send(self, std::chrono::milliseconds{jitter(s->random)}, find_atom::value,
                           executor);
        s->pause_ms = std::min<std::int64_t>(s->pause_ms * 2, 2000);
      },
  };
}

}  // namespace

scheduler_link link_to_scheduler(caf::actor_system& system, endpoint where, std::string secret) {
  auto const actor = system.spawn<caf::detached>(finder, std::move(where), std::move(secret));
  return {actor, [actor](caf::actor executor) {
            caf::anon_send(actor, find_atom::value, std::move(executor));
          }};
}

}  // namespace nsai::actors
