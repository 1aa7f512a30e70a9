#pragma once

#include <vector>

#include "tests/scheduling/fixture.hpp"

namespace nsai::scheduling::tests {

inline submission gang_of(std::int32_t nodes, std::int64_t cores = 1) {
  auto s = fixture::job();
  s.nodes = nodes;
  s.resources.cpu.value = cores * 1000;
  s.constraints.max_retries = 1;
  return s;
}

inline job_id member(job_id gang, std::uint64_t rank) {
  return {gang.value + 1 + rank};
}

/// Three nodes with two cores each.
inline void join_three(fixture& f) {
  for (auto const* const name : {"a", "b", "c"})
    f.join(f.node(name, 2));
}

inline std::vector<attempt_ref> stopped(fixture const& f) {
  std::vector<attempt_ref> refs;
  for (auto const& each : f.seen<attempt_stopped>())
    refs.push_back(each.ref);
  return refs;
}

}  // namespace nsai::scheduling::tests
