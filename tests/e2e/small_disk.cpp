#include "tests/e2e/small_disk.hpp"

#include <cerrno>
#include <cstring>

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

namespace nsai::tests {
namespace {

namespace fs = std::filesystem;

/// Once for the program: mounts of its own, which end with it whatever happens.
std::string enter_own_mounts() {
  static std::string const fault = [] {
    if (::geteuid() != 0)
      return std::string{"a small disk needs root"};
    if (::unshare(CLONE_NEWNS) != 0 ||
        ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
      return std::string{"no mounts of its own: "} + std::strerror(errno);
    return std::string{};
  }();
  return fault;
}

}  // namespace

std::string small_disk::why_not() {
  auto fault = enter_own_mounts();
  if (!fault.empty())
    return fault;
  auto const on = fs::temp_directory_path();
  if (::mount("nsai", on.c_str(), "tmpfs", 0, "size=1m") != 0)
    return std::string{"no small disk can be mounted: "} + std::strerror(errno);
  ::umount2(on.c_str(), MNT_DETACH);
  return {};
}

small_disk::small_disk(fs::path on, int size_mb) : on_(std::move(on)) {
  fs::create_directories(on_);
  auto const options = "mode=0700,size=" + std::to_string(size_mb) + "m";
  REQUIRE(::mount("nsai", on_.c_str(), "tmpfs", 0, options.c_str()) == 0);
}

small_disk::~small_disk() {
  ::umount2(on_.c_str(), MNT_DETACH);
}

void small_disk::fill() {
  static std::string const megabyte(1024 * 1024, 'x');
  int const fd = ::open((on_ / "filler").c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  REQUIRE(fd >= 0);
  for (auto size = megabyte.size(); size > 0;)
    if (::write(fd, megabyte.data(), size) <= 0)
      size /= 2;
  ::close(fd);
}

void small_disk::make_room() {
  fs::remove(on_ / "filler");
}

}  // namespace nsai::tests
