#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

#include "messages/attempt.hpp"

namespace nsai::actors {

/// A host as it is now, for people and tests.
struct host_view {
  pid_t pid = 0;  // 0: it is starting
  std::string tenant_id;
  std::vector<std::uint32_t> devices;
  bool busy = false;
  std::optional<attempt_ref> running;  // not told of brief attempts
  std::int64_t served = 0;
};

}  // namespace nsai::actors
