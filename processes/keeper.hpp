#pragma once

#include <sys/types.h>

#include <utility>

namespace nsai::processes {

/// The node's one keeper process and the node's end of its socket. When this end closes (also because the node
/// was killed), the keeper kills every process that was started through it, and ends.
class keeper {
 public:
  /// Forks the keeper. Call it before the process has a second thread. Throws std::system_error.
  static keeper start();

  keeper(keeper&& other) noexcept;
  keeper& operator=(keeper&& other) noexcept;
  ~keeper();

  int socket() const noexcept { return socket_; }
  pid_t pid() const noexcept { return pid_; }

 private:
  keeper(int socket, pid_t pid) noexcept : socket_(socket), pid_(pid) {}
  int socket_ = -1;
  pid_t pid_ = -1;
};

}  // namespace nsai::processes
