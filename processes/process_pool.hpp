#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <sys/types.h>

#include "processes/keeper.hpp"
#include "processes/process_spec.hpp"

namespace nsai::processes {

/// Names one started program; 0 names none.
using process_handle = std::uint64_t;

/// Runs programs, each under a warden process of the keeper, and tells how they ended. Thread-safe.
class process_pool {
 public:
  /// Called once for every started program, on the pool's own thread: it must not block.
  using on_exit = std::function<void(process_exit)>;

  explicit process_pool(keeper owner);
  /// Kills what still runs and waits for it.
  ~process_pool();
  process_pool(process_pool const&) = delete;
  process_pool& operator=(process_pool const&) = delete;

  /// Never throws for a program that cannot be started: `done` tells the fault.
  process_handle start(process_spec spec, on_exit done);
  /// Sends `signal` to the leader; what is left of the tree after `grace` is killed. A second call can only
  /// shorten the grace. Unknown or ended handles are ignored.
  void stop(process_handle handle, int signal, std::chrono::milliseconds grace);

  std::size_t running() const;

 private:
  struct state;
  std::unique_ptr<state> state_;
};

}  // namespace nsai::processes
