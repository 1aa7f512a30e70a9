// A process that acts as a node is killed; nothing of what it started may live on.
#include <doctest/doctest.h>
#include <sys/wait.h>

#include "tests/processes/support.hpp"

using namespace nsai::processes;
using namespace nsai::tests;

TEST_CASE("kill -9 of the node ends every process of its jobs, also daemons") {
  temporary_directory directory;
  auto const file = (directory.path / "pids").string();
  pid_t const node = ::fork();
  if (node == 0) {
    process_pool pool{keeper::start()};
    for (int i = 0; i < 3; ++i)
      pool.start(
          shell("echo $$ >> " + file + "; setsid sleep 1000 & echo $! >> " + file + "; wait"),
          [](process_exit) {});
    for (;;)
      ::pause();
  }
  auto const pids = pids_in(file, 6);
  ::kill(node, SIGKILL);
  ::waitpid(node, nullptr, 0);
  REQUIRE(pids.size() == 6);
  for (auto const pid : pids)
    CHECK(eventually([&] { return !alive(pid); }));
}
