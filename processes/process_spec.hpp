#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace nsai::processes {

/// A program to run under a warden. Nothing of the node's own environment or files is inherited:
/// standard input is /dev/null, every other descriptor is closed, signal dispositions and mask are
/// the default ones, and the program leads a session of its own. The umask and the resource limits
/// are those of the node at keeper::start.
struct process_spec {
  std::vector<std::string> argv;  // argv[0] is searched in the PATH of `env` when it has no slash
  std::vector<std::string>
      env;                  // "K=V", complete; without PATH, argv[0] is searched in /bin:/usr/bin
  std::string cwd;          // absolute; empty: "/"
  std::string stdout_path;  // appended to, relative to cwd; empty: the log
  std::string stderr_path;  // appended to, relative to cwd; empty: the log
  std::string log_path;  // absolute, appended to, created with mode 0600 when there is something to
                         // write; empty: output is dropped
  std::int64_t log_limit_bytes = 16 * 1024 * 1024;  // what this program may add to the log
  std::int64_t memory_limit_mb = 0;  // MiB, resident size of the whole process tree; 0: none
  std::int32_t inherited =
      0;  // descriptors that process_pool::start hands on; they become 3, 4, ...
  /// The program reads what it writes itself: the next two descriptors after the inherited ones are
  /// the read ends (non-blocking) of its standard output and error. What is left in them at its end
  /// is in stderr_tail, so that the last words of a crash are not lost.
  bool reads_own_output = false;
  /// What has not ended so long after it was killed hangs in the kernel (a device, a file system)
  /// and is reported as stuck.
  std::int64_t stuck_after_ms = 30'000;
};

/// Where starting a program failed.
enum class spawn_fault : std::uint8_t {
  none,
  chdir,        // cwd is missing, no directory, or may not be entered
  open_stdout,  // stdout_path
  open_stderr,  // stderr_path
  exec,  // argv[0] was not found or is not executable, or argv and env are malformed or too large
  resources  // no more processes or descriptors, or the keeper is gone (EOWNERDEAD)
};

/// How a program ended. When this is delivered, no process of its tree exists any more, unless it
/// is stuck. (One more exception: keeper and warden were both killed while it ran.)
struct process_exit {
  std::optional<int> exit_status;  // it exited by itself
  std::optional<int> signal;       // it was killed by this signal
  spawn_fault fault = spawn_fault::none;
  int fault_errno = 0;
  std::string fault_text;        // names the field, what came and the reason; empty without a fault
  bool stopped = false;          // process_pool::stop was called before it ended
  bool memory_exceeded = false;  // it was killed for memory_limit_mb
  bool lost = false;             // its warden died; nothing is known about its end
  /// Some of its tree was killed and still hangs in the kernel: it runs no code of its own any
  /// more, but holds what it holds. When it is the leader, neither exit_status nor signal is there.
  bool is_stuck() const { return stuck_below != 0; }
  std::int64_t stuck_below = 0;  // its warden, which lives as long; 0: nothing hangs
  std::int64_t peak_memory_mb =
      0;  // MiB rounded up: the largest sample of the tree, at least the largest process
  std::int64_t duration_ms = 0;  // from just before it was spawned to the end of the leader
  std::int64_t cpu_ms = 0;  // user and system time of every process of the tree that was waited for
  std::int64_t log_bytes = 0;     // written to the log
  std::int64_t output_bytes = 0;  // meant for the log, also what was dropped
  bool log_truncated = false;     // output was dropped, at log_limit_bytes or because of log_errno
  int log_errno = 0;  // why the log could not be written (further): ENOSPC, say; 0: no such failure
  std::string
      stderr_tail;  // the last 4 KiB of standard error, also of a stderr_path that is a plain file
};

}  // namespace nsai::processes
