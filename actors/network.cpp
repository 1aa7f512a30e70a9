#include "actors/network.hpp"

#include <cerrno>

#include <fcntl.h>
#include <unistd.h>

namespace nsai::actors {

int ascending_numbers::renumber(int fd) {
  if (next_ >= last)
    next_ = first;
  int number = ::fcntl(fd, F_DUPFD_CLOEXEC, next_);
  if (number < 0 && errno != EBADF && next_ > first) {  // beyond the limit: from the start
    next_ = first;
    number = ::fcntl(fd, F_DUPFD_CLOEXEC, next_);
  }
  if (number < 0)
    return fd;
  ::close(fd);
  next_ = number + 1;
  return number;
}

}  // namespace nsai::actors
