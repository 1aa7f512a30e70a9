#include "scheduling/lifecycle.hpp"

#include "scheduling/assert.hpp"

namespace nsai::scheduling {

signal signal_to(job_status to) {
  switch (to) {
    case job_status::succeeded:
      return signal::succeed;
    case job_status::canceled:
      return signal::cancel;
    case job_status::timeout:
      return signal::expire;
    default:
      NSAI_ASSERT(to == job_status::failed);
      return signal::fail;
  }
}

job_status advance(job_status from, signal by) {
  auto const to = next_status(from, by);
  NSAI_ASSERT(to.has_value());
  return *to;
}

}  // namespace nsai::scheduling
