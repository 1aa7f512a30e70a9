#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

#include "actors/host_view.hpp"
#include "actors/workplace.hpp"
#include "messages/attempt.hpp"
#include "messages/job.hpp"

namespace nsai::actors {

/// When a warm stage host is given up.
struct host_settings {
  std::int64_t most_idle = 16;      // on the node; the one that was idle longest goes first
  std::int64_t attempts = 100'000;  // served by one host
  std::int64_t age_ms = 3'600'000;  // since its start
  std::int64_t grown_mb = 256;      // MiB of resident size since its first attempt
};

/// Attempts for one host, one after the other (more than one only for brief stages): of one tenant,
/// on the same devices, with the same memory_mb.
struct host_work {
  std::vector<start_attempt> attempts;
  bool brief = false;
  /// Called with the outcomes as they come, until there is one for each attempt.
  std::function<void(std::vector<attempt_outcome>)> over;
  std::function<void(attempt_ref, progress_info)> progress;
};

/// The warm stage hosts of a node (docs/adr/0005-stage-hosts.md). A host belongs to one tenant and
/// one set of devices and runs one attempt at a time. Thread-safe; callbacks come on the pool's own
/// thread and must neither block nor throw.
class host_pool {
 public:
  /// `where` says where files lie, and has the process pool.
  host_pool(workplace where, host_settings settings);
  /// Ends all hosts; attempts that run get no outcome.
  ~host_pool();
  host_pool(host_pool const&) = delete;
  host_pool& operator=(host_pool const&) = delete;

  void run(host_work work);
  /// An attempt that has not begun ends at once as `as`; one that runs gets its stop token, and its
  /// host is killed when it has not ended after `grace_ms`. A second call can only shorten that;
  /// the first reason stays. Unknown attempts are ignored.
  void stop(attempt_ref ref, attempt_result as, std::int64_t grace_ms);
  /// Calls `then` when no idle host is left on these devices: a program is to run there.
  void clear(std::vector<device_grant> devices, std::function<void()> then);

  std::vector<host_view> hosts() const;
  /// Ends the host of that process if it is idle: it holds more than it should.
  void end_idle(pid_t pid);

 private:
  class loop;
  std::unique_ptr<loop> loop_;
};

}  // namespace nsai::actors
