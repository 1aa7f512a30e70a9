#pragma once

#include <array>
#include <utility>

#include <fcntl.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

namespace nsai::tests {

/// Stands in for a process that hangs in the kernel: who is traced and killed is not reported to
/// its parent before the tracer has looked, which this one does not.
class hanging {
 public:
  explicit hanging(pid_t pid) {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0)
      return;
    tracer_ = ::fork();
    if (tracer_ == 0) {
      char const result = ::ptrace(PTRACE_SEIZE, pid, nullptr, nullptr) == 0 ? 1 : 0;
      if (::write(ends[1], &result, 1) == 1)
        while (true)
          ::pause();
      ::_exit(1);
    }
    char result = 0;
    ::close(ends[1]);
    works_ = ::read(ends[0], &result, 1) == 1 && result == 1;
    ::close(ends[0]);
  }
  ~hanging() { end(); }
  hanging(hanging const&) = delete;
  hanging& operator=(hanging const&) = delete;

  bool works() const { return works_; }
  void end() {
    if (auto const pid = std::exchange(tracer_, -1); pid > 0) {
      ::kill(pid, SIGKILL);
      ::waitpid(pid, nullptr, 0);
    }
  }

 private:
  pid_t tracer_ = -1;
  bool works_ = false;
};

}  // namespace nsai::tests
