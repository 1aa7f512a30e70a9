// Preloaded into a node: moves the time of day by an offset that a test writes into a file, as if
// somebody had set the machine's clock. Every other clock is untouched.
#include <cstdint>
#include <cstdlib>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

namespace {

/// Seconds, in a mapped file that the test changes while the node runs.
std::int64_t offset_s() {
  static std::int64_t const volatile* const shared = [] {
    static std::int64_t const none = 0;
    char const* file = std::getenv("NSAI_TEST_CLOCK");
    int const fd = file == nullptr ? -1 : ::open(file, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
      return &none;
    void* const page = ::mmap(nullptr, sizeof none, PROT_READ, MAP_SHARED, fd, 0);
    ::close(fd);
    return page == MAP_FAILED ? &none : static_cast<std::int64_t const*>(page);
  }();
  return *shared;
}

}  // namespace

extern "C" int clock_gettime(clockid_t clock, timespec* t) noexcept {
  int const result = static_cast<int>(::syscall(SYS_clock_gettime, clock, t));
  if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
    t->tv_sec += offset_s();
  return result;
}

extern "C" int gettimeofday(timeval* t, void*) noexcept {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  t->tv_sec = now.tv_sec;
  t->tv_usec = now.tv_nsec / 1000;
  return 0;
}

extern "C" time_t time(time_t* t) noexcept {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  if (t != nullptr)
    *t = now.tv_sec;
  return now.tv_sec;
}
