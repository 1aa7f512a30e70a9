#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
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
  // Of the pids read, ascending: this process and all below it, but what was given up.
  std::vector<std::int64_t> own;
  std::vector<gpu_memory_use> uses;                   // of attempts, as far as processes are shown
  std::optional<std::vector<devices::device>> found;  // all that can be used; not in every look
};

/// Looks at GPUs again and again on a thread of its own: a question about a GPU that fails can take
/// seconds, or for ever.
class gpu_watch {
 public:
  /// Called on the watch's thread; must not block.
  using on_look = std::function<void(gpu_look)>;
  /// Which processes belong to attempts, now; called on the watch's thread, may wait.
  using find_leaders = std::function<std::vector<attempt_leader>()>;

  struct settings {
    std::string library;
    std::vector<std::string> uuids;                // of those that are watched; may be none
    std::chrono::milliseconds every{1000};         // a look
    std::chrono::milliseconds find_every{60'000};  // a look tells what is there; 0: none does
  };

  /// The first look begins at once. While the library cannot be opened there is none.
  gpu_watch(settings how, find_leaders leaders, on_look tell);
  /// Waits for a look that is under way, but not for a driver that does not answer.
  ~gpu_watch();
  gpu_watch(gpu_watch const&) = delete;
  gpu_watch& operator=(gpu_watch const&) = delete;

  /// Looks now. The number of the first look that begins after this.
  std::uint64_t look_soon();

  /// Behind those that are watched.
  void watch_also(std::vector<std::string> const& uuids);

  /// A question that the driver has not answered yet.
  struct silence {
    std::optional<std::size_t> gpu;  // by position; nothing: it is of none of them
    std::chrono::milliseconds lasts{0};
  };
  std::optional<silence> silent() const;

 private:
  struct state;
  std::shared_ptr<state> state_;  // the thread's too, which may outlive this
  std::thread thread_;
};

}  // namespace nsai::actors

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(nsai::actors::gpu_look)
