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
  void add(gpu_info const& gpu);

  bool fits(start_attempt const& attempt) const;
  void take(start_attempt const& attempt);
  void give_back(start_attempt const& attempt) {
    give_back(attempt.cpu, attempt.memory_mb, attempt.devices);
  }
  void give_back(milli cpu, std::int64_t memory_mb, std::vector<device_grant> const& devices);

 private:
  struct device_room {
    std::int64_t share_milli = 1000;
    std::int64_t memory_mb = 0;
  };
  std::int64_t cpu_milli_;
  std::int64_t memory_mb_;
  std::map<std::uint32_t, device_room> devices_;
};

/// Room that is given back when the last holder is gone: attempts that run one after the other hold
/// one together.
class room_lease {
 public:
  room_lease(room& of, start_attempt const& attempt)
      : room_(of), cpu_(attempt.cpu), memory_mb_(attempt.memory_mb), devices_(attempt.devices) {
    room_.take(attempt);
  }
  ~room_lease() { room_.give_back(cpu_, memory_mb_, devices_); }
  room_lease(room_lease const&) = delete;
  room_lease& operator=(room_lease const&) = delete;

 private:
  room& room_;
  milli cpu_;
  std::int64_t memory_mb_;
  std::vector<device_grant> devices_;
};

}  // namespace nsai::actors
