#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <caf/allowed_unsafe_message_type.hpp>

#include "actors/gpu_memory.hpp"
#include "devices/nvml.hpp"

namespace nsai::actors {

/// What one look at a node's GPUs has shown.
struct gpu_look {
  std::uint64_t number = 0;                // from 1
  std::vector<devices::reading> readings;  // of each GPU that is watched, in their order
  std::vector<devices::xid_report> xids;   // reported since the look before
  std::vector<std::int64_t> own;     // of the pids read: this process and all below it, ascending
  std::vector<gpu_memory_use> uses;  // of attempts, as far as processes are shown
};

/// Looks at GPUs again and again on a thread of its own: a question about a GPU that fails can take
/// seconds.
class gpu_watch {
 public:
  /// Called on the watch's thread; must not block.
  using on_look = std::function<void(gpu_look)>;
  /// Which processes belong to attempts, now; called on the watch's thread, may wait.
  using find_leaders = std::function<std::vector<attempt_leader>()>;

  /// The first look begins at once. Without the library there is none.
  gpu_watch(std::string library, std::vector<std::string> uuids, std::chrono::milliseconds every,
            find_leaders leaders, on_look tell);
  /// Waits for a look that is under way.
  ~gpu_watch();
  gpu_watch(gpu_watch const&) = delete;
  gpu_watch& operator=(gpu_watch const&) = delete;

  /// Looks now. The number of the first look that begins after this.
  std::uint64_t look_soon();

 private:
  void run();
  gpu_look look(devices::nvml& library, std::uint64_t number) const;

  std::string const library_;
  std::vector<std::string> const uuids_;
  std::chrono::milliseconds const every_;
  find_leaders const leaders_;
  on_look const tell_;
  std::mutex mutex_;
  std::condition_variable woken_;
  std::uint64_t begun_ = 0;   // looks
  std::uint64_t wanted_ = 1;  // the look of that number is not to wait
  bool over_ = false;
  std::thread thread_;
};

}  // namespace nsai::actors

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(nsai::actors::gpu_look)
