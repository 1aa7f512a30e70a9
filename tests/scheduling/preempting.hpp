#pragma once

#include <vector>

#include "tests/scheduling/fixture.hpp"

namespace nsai::scheduling::tests {

inline core_settings open_settings() {
  core_settings s;
  s.tenants["*"].max_priority = priority::realtime;
  s.tenants["small"].quota.cpu = milli{2000};
  s.tenants["lender"].quota.cpu = milli{4000};
  return s;
}

struct preempting : fixture {
  preempting() : fixture(open_settings()) {}
  static submission work(std::int64_t cores, bool preemptible, priority p = priority::batch,
                         std::string tenant = "t") {
    auto s = job();
    s.tenant_id = std::move(tenant);
    s.resources.cpu.value = cores * 1000;
    s.constraints.timeout_ms = 0;
    s.constraints.grace_ms = 5000;
    s.constraints.preemptible = preemptible;
    s.priority = p;
    return s;
  }
  static submission urgent(std::int64_t cores) {
    return work(cores, false, priority::realtime, "u");
  }
  /// What was asked to stop, and ends so.
  std::vector<job_id> stopped() const {
    std::vector<job_id> list;
    for (auto const& e : seen<attempt_stopped>())
      list.push_back(e.ref.job);
    return list;
  }
};

}  // namespace nsai::scheduling::tests
