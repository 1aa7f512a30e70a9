#include "actors/tenant_supervisor.hpp"

#include <functional>
#include <memory>

#include <caf/all.hpp>

#include "scheduling/supervision.hpp"

namespace nsai::actors {

caf::behavior tenant_supervisor(caf::event_based_actor* self, std::string tenant) {
  auto rules = std::make_shared<scheduling::supervision>(std::hash<std::string>{}(tenant));
  return {
      [=](scheduling::consult_supervisor const& question) {
        self->send(caf::actor_cast<caf::actor>(self->current_sender()), rules->decide(question));
      },
      [=](stages_succeeded const& m) {
        for (auto const& stage : m.stages)
          rules->succeeded(stage);
      },
  };
}

}  // namespace nsai::actors
