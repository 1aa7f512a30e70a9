#pragma once

#include <vector>

#include "scheduling/node_room.hpp"

namespace nsai::scheduling {

/// What would be free on a node if some of the attempts there were gone. Holds a reference to the
/// node: it has to stay as it is.
class outlook {
 public:
  explicit outlook(node_state const& node);

  /// From here on the attempt is gone. One that waits on the node for room occupies nothing.
  void release(attempt_ref ref);
  /// Nobody can have these devices, given by position.
  void withhold(std::vector<std::uint32_t> const& devices);
  node_room const& room() const { return room_; }

 private:
  void read_device(std::uint32_t position);

  node_state const& node_;
  node_room room_;
  std::vector<attempt_ref> gone_;
  std::vector<bool> withheld_;  // by position
};

}  // namespace nsai::scheduling
