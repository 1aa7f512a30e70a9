#include "actors/network.hpp"

#include <set>

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

using namespace nsai::actors;

TEST_CASE("numbers of connections: none comes back soon, whatever was closed") {
  ascending_numbers numbers;
  int before = 0;
  for (int i = 0; i < 300; ++i) {
    int const fd = numbers.renumber(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    CHECK(fd > before);
    CHECK(fd >= ascending_numbers::first);
    CHECK((::fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
    before = fd;
    ::close(fd);
  }
}

TEST_CASE("numbers of connections: after the limit they start again, and skip those in use") {
  rlimit usual{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &usual) == 0);
  rlimit const few{ascending_numbers::first + 8, usual.rlim_max};
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &few) == 0);
  ascending_numbers numbers;
  std::set<int> open;
  for (int i = 0; i < 8; ++i)
    open.insert(numbers.renumber(::open("/dev/null", O_RDONLY | O_CLOEXEC)));
  CHECK(open.size() == 8);
  CHECK(*open.begin() == ascending_numbers::first);
  ::close(ascending_numbers::first + 3);
  CHECK(numbers.renumber(::open("/dev/null", O_RDONLY | O_CLOEXEC)) ==
        ascending_numbers::first + 3);
  // There is none left above: it keeps the one that it has.
  int const low = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  CHECK(numbers.renumber(low) == low);
  ::close(low);
  for (int const fd : open)
    ::close(fd);
  ::setrlimit(RLIMIT_NOFILE, &usual);
  CHECK(numbers.renumber(-1) == -1);
}
