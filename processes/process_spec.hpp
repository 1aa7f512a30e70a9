#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace nsai::processes {

/// A program to run under a warden. Nothing of the node's own environment or files is inherited.
struct process_spec {
  std::vector<std::string> argv;  // argv[0] is searched in the PATH of `env` when it has no slash
  std::vector<std::string> env;   // "K=V", complete
  std::string cwd;                // empty: "/"
  std::string stdout_path;        // empty: the log
  std::string stderr_path;        // empty: the log
  std::string log_path;           // appended to; empty: output is dropped
  std::int64_t log_limit_bytes = 16 * 1024 * 1024;
  std::int64_t memory_limit_mb = 0;  // resident size of the whole process tree; 0: none
};

/// Where starting a program failed.
enum class spawn_fault : std::uint8_t { none, chdir, open_stdout, open_stderr, open_log, exec, resources };

/// How a program ended. When this is delivered, no process of its tree exists any more.
struct process_exit {
  std::optional<int> exit_status;  // it exited by itself
  std::optional<int> signal;       // it was killed by this signal
  spawn_fault fault = spawn_fault::none;
  int fault_errno = 0;
  bool stopped = false;            // process_pool::stop was called before it ended
  bool memory_exceeded = false;
  bool lost = false;               // its warden died; nothing is known about its end
  std::int64_t peak_memory_mb = 0;
  std::int64_t duration_ms = 0;
  std::int64_t cpu_ms = 0;
  std::int64_t log_bytes = 0;      // written to the log
  bool log_truncated = false;
  std::string stderr_tail;         // the last 4 KiB that went to a captured stderr
};

}  // namespace nsai::processes
