#pragma once

#include <sys/types.h>

namespace nsai::processes {

/// The node's one keeper process and the node's end of its socket. When this end closes (also
/// because the node was killed), the keeper kills every process that was started through it, and
/// ends.
class keeper {
 public:
  /// Forks the keeper. Call it before the process has a second thread. Throws std::system_error.
  static keeper start();

  keeper(keeper&& other) noexcept;
  keeper& operator=(keeper&& other) noexcept;
  /// Closes the socket and waits until the keeper has ended, at most 10 s.
  ~keeper();

  /// SOCK_SEQPACKET; carries the keeper's messages of processes/wire.hpp.
  int socket() const noexcept { return socket_; }
  pid_t pid() const noexcept { return pid_; }

 private:
  keeper(int socket, pid_t pid) noexcept : socket_(socket), pid_(pid) {}
  void close() noexcept;

  int socket_ = -1;
  pid_t pid_ = -1;
};

}  // namespace nsai::processes
