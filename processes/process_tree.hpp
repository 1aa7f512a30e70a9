#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <vector>

#include <sys/types.h>

namespace nsai::processes {

/// The direct children of a process; empty when it is gone.
std::vector<pid_t> children_of(pid_t parent);

/// All processes below `root`, without itself. A snapshot: processes come and go while it is taken.
std::vector<pid_t> descendants_of(pid_t root);

/// Whether the process is `root` or below it, by the parents it has now.
bool is_below(pid_t pid, pid_t root);

/// Resident memory of all processes below `root`, in MiB rounded up. Pages that several of them
/// share count for each: an upper bound, which costs one small file a process (the exact share,
/// smaps_rollup, costs a walk over all mappings and is too slow to sample a large process often).
std::int64_t resident_mb_below(pid_t root);

/// What was learnt about the children that were waited for.
struct reaped {
  std::int64_t peak_rss_kb = 0;  // of the largest process
  bool all = true;               // nothing is left
};

/// SIGKILLs everything below this process and waits until nothing is left, or for so long at most:
/// what hangs in the kernel does not end. Whatever a child leaves behind becomes a child of this
/// process (it is a subreaper), so that "no child left" means "nothing left".
reaped end_all_descendants(std::optional<std::chrono::milliseconds> at_most = std::nullopt);

/// Pauses between looks at what was killed: half a millisecond, and longer where that takes long.
class patience {
 public:
  void wait();

 private:
  int times_ = 0;
};

}  // namespace nsai::processes
