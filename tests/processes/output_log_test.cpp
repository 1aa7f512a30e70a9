#include "processes/output_log.hpp"

#include <array>
#include <atomic>

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/processes/support.hpp"

using namespace nsai::processes;
using namespace nsai::tests;

namespace {

struct pipe_ends {
  file_descriptor out;
  file_descriptor in;
};

pipe_ends new_pipe() {
  std::array<int, 2> ends{};
  REQUIRE(::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) == 0);
  return {file_descriptor{ends[0]}, file_descriptor{ends[1]}};
}

void put(file_descriptor const& in, std::string const& text) {
  REQUIRE(::write(in.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()));
}

}  // namespace

TEST_CASE("a pipe's bytes are moved into the log, to its limit, and the rest is counted") {
  temporary_directory directory;
  auto const file = directory.path / "log";
  auto const pipe = new_pipe();
  auto log = output_log{file, 8};
  CHECK(log.move_from(pipe.out.get()) == -1);
  CHECK(errno == EAGAIN);
  put(pipe.in, "12345");
  CHECK(log.move_from(pipe.out.get()) == 5);
  CHECK(text_of(file) == "12345");
  put(pipe.in, "67890");
  while (log.move_from(pipe.out.get()) > 0) {
  }
  CHECK(text_of(file) == "12345678\n[nsai] log truncated at 8 bytes\n");
  CHECK(log.truncated());
  CHECK(log.written_bytes() == 8);
  CHECK(log.offered_bytes() == 10);
}

TEST_CASE("a pipe into a log on a full disk is emptied, and the error is told") {
  auto const pipe = new_pipe();
  output_log log{"/dev/full", 1000};
  put(pipe.in, "12345");
  while (log.move_from(pipe.out.get()) > 0) {
  }
  CHECK(log.error() == ENOSPC);
  CHECK(log.written_bytes() == 0);
}

TEST_CASE("what a process moves is in the log or in the pipe, whenever it ends") {
  temporary_directory directory;
  for (int i = 0; i < 300; ++i) {
    auto const file = directory.path / std::to_string(i);
    auto const pipe = new_pipe();
    auto log = output_log{file, 1000};
    pid_t const child = ::fork();
    if (child == 0) {
      std::atomic<int> looks = 0;
      std::thread{[&] {
        for (; true; ++looks)
          log.move_from(pipe.out.get());
      }}.detach();
      while (looks < i)
        std::this_thread::yield();
      [[maybe_unused]] auto const written = ::write(pipe.in.get(), "last words", 10);
      ::kill(::getpid(), SIGKILL);
    }
    ::waitpid(child, nullptr, 0);
    std::array<char, 100> rest{};
    auto const left = ::read(pipe.out.get(), rest.data(), rest.size());
    CHECK(text_of(file) + std::string(rest.data(), left > 0 ? static_cast<std::size_t>(left) : 0) ==
          "last words");
  }
}
