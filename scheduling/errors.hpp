#pragma once

#include "messages/job.hpp"

namespace nsai::scheduling {

inline error_info deadline_error(constraints const& c) {
  return error_of("stage", "deadline", "the deadline " + to_rfc3339(c.deadline) + " has passed");
}

}  // namespace nsai::scheduling
