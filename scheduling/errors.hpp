#pragma once

#include <string>

#include "messages/job.hpp"

namespace nsai::scheduling {

inline error_info make_error(std::string category, std::string code, std::string message) {
  error_info error;
  error.category = std::move(category);
  error.code = std::move(code);
  error.message = std::move(message);
  return error;
}

inline error_info deadline_error(constraints const& c) {
  return make_error("stage", "deadline", "the deadline " + to_rfc3339(c.deadline) + " has passed");
}

}  // namespace nsai::scheduling
