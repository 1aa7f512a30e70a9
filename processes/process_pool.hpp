#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include <sys/types.h>

#include "processes/file_descriptor.hpp"
#include "processes/keeper.hpp"
#include "processes/process_spec.hpp"

namespace nsai::processes {

/// Names one started program; 0 names none.
using process_handle = std::uint64_t;

/// Runs programs, each under a warden process of the keeper, and tells how they ended. Thread-safe.
class process_pool {
 public:
  /// Called once for every started program, on the pool's own thread: it must neither block nor
  /// throw. It may call the pool.
  using on_exit = std::function<void(process_exit)>;
  /// Called at most once, with the program's process id, before its on_exit and under the same
  /// rules. The program may have ended meanwhile, so the id is for display, never for signals.
  using on_live = std::function<void(pid_t)>;

  /// Called at most once, under the same rules: the keeper has ended, so that nothing can be
  /// started any more and nobody would end what runs if this process died.
  using on_keeper_gone = std::function<void()>;

  /// Throws std::system_error when the process has no descriptors left for the pool.
  explicit process_pool(keeper owner, on_keeper_gone gone = {});
  /// Kills what still runs and waits for it, at most 10 s: what the kernel has not ended by then (a
  /// process that hangs in a device or a file system) is reported as lost.
  ~process_pool();
  process_pool(process_pool const&) = delete;
  process_pool& operator=(process_pool const&) = delete;

  /// Never throws for a program that cannot be started: `done` tells the fault. Does not wait for
  /// the program, which gets `inherited` as its descriptors 3, 4, ...
  process_handle start(process_spec spec, on_exit done, on_live live = {},
                       std::vector<file_descriptor> inherited = {});
  /// Sends `signal` to the leader; what is left of the tree after `grace`, or when the leader has
  /// ended, is killed. A second call sends its signal too and can only shorten the grace. Unknown
  /// or ended handles are ignored.
  void stop(process_handle handle, int signal, std::chrono::milliseconds grace);
  /// Bounds a running program anew (0: no more). Unknown or ended handles are ignored.
  void limit_memory(process_handle handle, std::int64_t memory_limit_mb);

  /// Programs whose end has not been reported yet.
  std::size_t running() const;

 private:
  struct state;
  std::unique_ptr<state> state_;
};

}  // namespace nsai::processes
