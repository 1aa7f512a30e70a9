#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <utility>
#include <vector>

#include <sys/eventfd.h>
#include <unistd.h>

#include "processes/file_descriptor.hpp"

namespace nsai::actors {

/// What the pool's thread is to do, from other threads. It may outlive the pool: the process pool
/// still tells ends when nobody wants to know.
class host_orders {
 public:
  using order = std::function<void()>;

  host_orders() : wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

  int wake() const { return wake_.get(); }
  void post(order what) {
    bool first = false;
    {
      std::lock_guard const lock{mutex_};
      first = list_.empty();
      list_.push_back(std::move(what));
    }
    if (!first)
      return;
    std::uint64_t const one = 1;
    [[maybe_unused]] auto const written = ::write(wake_.get(), &one, sizeof one);
  }
  std::vector<order> take() {
    std::uint64_t ignored = 0;
    [[maybe_unused]] auto const got = ::read(wake_.get(), &ignored, sizeof ignored);
    std::lock_guard const lock{mutex_};
    return std::exchange(list_, {});
  }

 private:
  processes::file_descriptor wake_;
  std::mutex mutex_;
  std::vector<order> list_;
};

}  // namespace nsai::actors
