#pragma once

#include <caf/all.hpp>
#include <caf/scheduler/test_coordinator.hpp>

#include "messages/caf_inspection.hpp"
#include "messages/registry.hpp"

namespace nsai::tests {

/// CAF's deterministic scheduler: nothing runs but by `run`, and time passes only by `advance`.
struct virtual_system {
  struct config : caf::actor_system_config {
    config() {
      register_messages(*this);
      set("scheduler.policy", caf::atom("testing"));
    }
  } cfg;
  caf::actor_system sys{cfg};
  caf::scheduler::test_coordinator& sched =
      dynamic_cast<caf::scheduler::test_coordinator&>(sys.scheduler());

  void run() { sched.run(); }
  void advance(std::chrono::milliseconds by) {
    sched.advance_time(by);
    sched.run();
  }
  void end(caf::actor const& a) {
    caf::anon_send_exit(a, caf::exit_reason::kill);
    sched.run();
  }
};

}  // namespace nsai::tests
