#include "stages/host_output.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

namespace nsai::stages {

void host_output::begin(std::string file, std::int64_t limit_bytes) {
  std::lock_guard const lock{mutex_};
  take();  // by something that outlived the attempt before
  log_ = {std::move(file), limit_bytes};
}

void host_output::end() {
  std::lock_guard const lock{mutex_};
  take();
  log_ = {};
}

void host_output::pump() {
  std::lock_guard const lock{mutex_};
  take();
}

void host_output::line(std::string const& text) {
  std::lock_guard const lock{mutex_};
  log_.append(text + "\n");
}

void host_output::take() {
  for (auto* pipe : {&out_, &err_}) {
    // Bounded, so that children that never stop writing do not hold an attempt's end up.
    for (int round = 0; round < 64; ++round) {
      int waiting = 0;
      if (!*pipe || ::ioctl(pipe->get(), FIONREAD, &waiting) != 0 || waiting == 0)
        break;
      if (log_.move_from(pipe->get()) == 0)
        break;
    }
  }
}

}  // namespace nsai::stages
