#pragma once

#include <map>

#include "messages/attempt.hpp"
#include "messages/node.hpp"

namespace nsai::actors {

/// What is free on this node right now. The scheduler grants within its own books; this is the last
/// check before an attempt starts, so that no device is used beyond its capacity whatever was late
/// or lost on the way (P3).
class room {
 public:
  explicit room(node_info const& node);

  bool fits(start_attempt const& attempt) const;
  void take(start_attempt const& attempt);
  void give_back(start_attempt const& attempt);

 private:
  struct device_room {
    std::int64_t share_milli = 1000;
    std::int64_t memory_mb = 0;
  };
  std::int64_t cpu_milli_;
  std::int64_t memory_mb_;
  std::map<std::uint32_t, device_room> devices_;
};

}  // namespace nsai::actors
