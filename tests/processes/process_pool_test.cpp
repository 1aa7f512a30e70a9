#include "processes/process_pool.hpp"

#include <algorithm>
#include <array>
#include <fstream>

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include "processes/process_tree.hpp"
#include "processes/wire.hpp"
#include "tests/processes/support.hpp"
#include "tests/support/hanging.hpp"
#include "tests/support/skip.hpp"

using namespace nsai::processes;
using namespace nsai::tests;
using std::chrono::milliseconds;

namespace {

struct pool_fixture {
  temporary_directory directory;
  ends over;
  pid_t keeper_pid = 0;
  process_pool pool{start_keeper()};

  keeper start_keeper() {
    auto k = keeper::start();
    keeper_pid = k.pid();
    return k;
  }
  process_exit run(process_spec spec) {
    auto const before = over.list().size();
    pool.start(std::move(spec), over.expect());
    REQUIRE(over.wait(before + 1));
    return over.list().back();
  }
  std::string file(char const* name) const { return (directory.path / name).string(); }
};

}  // namespace

TEST_CASE_FIXTURE(pool_fixture, "pool: the exit status, and what was written") {
  auto spec = shell("echo out; echo err >&2; exit 3");
  spec.log_path = file("log");
  auto const exit = run(spec);
  CHECK(exit.exit_status == 3);
  CHECK_FALSE(exit.signal);
  CHECK(exit.stderr_tail == "err\n");
  auto const log = text_of(spec.log_path);
  CHECK(log.find("out\n") != std::string::npos);
  CHECK(log.find("err\n") != std::string::npos);
}

TEST_CASE_FIXTURE(pool_fixture, "pool: a signal that ended the program") {
  CHECK(run(shell("kill -SEGV $$")).signal == SIGSEGV);
}

TEST_CASE_FIXTURE(pool_fixture,
                  "pool: the environment is exactly what was given, PATH is the job's own") {
  process_spec spec;
  spec.argv = {"env"};
  spec.env = {"PATH=/nowhere:/usr/bin:/bin", "A=1 2"};
  spec.log_path = file("log");
  CHECK(run(spec).exit_status == 0);
  CHECK(text_of(spec.log_path) == "PATH=/nowhere:/usr/bin:/bin\nA=1 2\n");
}

TEST_CASE_FIXTURE(pool_fixture, "pool: what cannot be started says where it failed") {
  process_spec missing;
  missing.argv = {"nsai-no-such-program"};
  CHECK(run(missing).fault == spawn_fault::exec);
  CHECK(over.list().back().fault_errno == ENOENT);
  CHECK(over.list().back().fault_text.find("nsai-no-such-program") != std::string::npos);
  auto no_directory = shell("true");
  no_directory.cwd = "/no/such/directory";
  pool.start(no_directory, over.expect());
  auto no_stdout = shell("true");
  no_stdout.stdout_path = "/no/such/directory/out";
  pool.start(no_stdout, over.expect());
  REQUIRE(over.wait(3));
  std::vector<spawn_fault> faults;
  for (auto const& exit : over.list())
    faults.push_back(exit.fault);
  for (auto const fault : {spawn_fault::chdir, spawn_fault::open_stdout})
    CHECK(std::count(faults.begin(), faults.end(), fault) == 1);
}

TEST_CASE_FIXTURE(pool_fixture, "pool: a FIFO that nobody reads is no output") {
  auto spec = shell("echo x");
  spec.stdout_path = file("fifo");
  REQUIRE(::mkfifo(spec.stdout_path.c_str(), 0600) == 0);
  auto const exit = run(spec);
  CHECK(exit.fault == spawn_fault::open_stdout);
  CHECK(exit.fault_errno == ENXIO);
}

TEST_CASE_FIXTURE(
    pool_fixture,
    "pool: a log is made with its first line; where it cannot be, its error is told") {
  auto quiet = shell("true");
  quiet.log_path = file("quiet");
  CHECK(run(quiet).exit_status == 0);
  CHECK_FALSE(std::filesystem::exists(quiet.log_path));
  auto loud = shell("echo hello");
  loud.log_path = file("new/folder/loud");
  run(loud);
  CHECK(text_of(loud.log_path) == "hello\n");
  loud.log_path = "/dev/null/log";
  auto const exit = run(loud);
  CHECK(exit.exit_status == 0);
  CHECK(exit.log_errno == ENOTDIR);
  CHECK(exit.output_bytes == 6);
}

TEST_CASE_FIXTURE(pool_fixture,
                  "pool: output beyond the log's bound is dropped, and the log says so") {
  auto spec = shell("head -c 300000 /dev/zero | tr '\\0' x; echo done");
  spec.log_path = file("log");
  spec.log_limit_bytes = 1000;
  auto const exit = run(spec);
  CHECK(exit.exit_status == 0);
  CHECK(exit.log_truncated);
  CHECK(exit.log_bytes == 1000);
  CHECK(exit.output_bytes == 300'005);
  CHECK(text_of(spec.log_path).size() < 1100);
}

TEST_CASE_FIXTURE(
    pool_fixture,
    "pool: stdout and stderr go to files when asked, relative to the working directory") {
  auto spec = shell("echo a; echo b >&2; exit 1");
  spec.cwd = directory.path;
  spec.stdout_path = "out";
  spec.stderr_path = "err";
  CHECK(run(spec).stderr_tail == "b\n");
  CHECK(text_of(directory.path / "out") == "a\n");
}

TEST_CASE_FIXTURE(pool_fixture, "stop: a program that handles the signal ends as it likes") {
  auto spec =
      shell("trap 'exit 7' TERM; echo ready > " + file("ready") + "; while :; do sleep 0.02; done");
  auto const handle = pool.start(spec, over.expect());
  REQUIRE(eventually([&] { return !text_of(file("ready")).empty(); }));
  pool.stop(handle, SIGTERM, milliseconds{20'000});
  REQUIRE(over.wait(1));
  CHECK(over.list()[0].exit_status == 7);
  CHECK(over.list()[0].stopped);
}

TEST_CASE_FIXTURE(pool_fixture,
                  "stop: a program that ignores the signal is killed after its grace (P6)") {
  auto spec = shell("trap '' TERM; echo ready > " + file("ready") + "; while :; do sleep 1; done");
  auto const handle = pool.start(spec, over.expect());
  REQUIRE(eventually([&] { return !text_of(file("ready")).empty(); }));
  pool.stop(handle, SIGTERM, milliseconds{50});
  REQUIRE(over.wait(1));
  CHECK(over.list()[0].signal == SIGKILL);
}

TEST_CASE_FIXTURE(
    pool_fixture,
    "tree: a daemon that called setsid and forked twice is gone when the report arrives (P6)") {
  auto const exit =
      run(shell("(setsid sh -c 'sleep 1000 & echo $! >> " + file("pids") +
                "; sleep 1000 & echo $! >> " + file("pids") + "') & sleep 0.1; exit 0"));
  CHECK(exit.exit_status == 0);
  for (auto const pid : pids_in(file("pids"), 1))
    CHECK_FALSE(alive(pid));
}

TEST_CASE_FIXTURE(pool_fixture, "tree: fifty processes are gone after a stop") {
  auto const handle = pool.start(shell("for i in $(seq 50); do setsid sleep 1000 & echo $! >> " +
                                       file("pids") + "; done; wait"),
                                 over.expect());
  auto const pids = pids_in(file("pids"), 50);
  REQUIRE(pids.size() == 50);
  pool.stop(handle, SIGTERM, milliseconds{10});
  REQUIRE(over.wait(1));
  for (auto const pid : pids)
    CHECK_FALSE(alive(pid));
}

TEST_CASE_FIXTURE(pool_fixture,
                  "stuck: what hangs in the kernel is told, and does not hold up others") {
  auto spec = shell("echo $$ > " + file("pids") + "; exec sleep 1000");
  spec.stuck_after_ms = 200;
  auto const handle = pool.start(spec, over.expect());
  auto const pid = pids_in(file("pids"), 1).at(0);
  hanging stuck{pid};
  if (!stuck.works())
    return nsai::tests::skip("processes may not be traced here");
  pool.stop(handle, SIGTERM, milliseconds{10});
  REQUIRE(over.wait(1));
  CHECK(over.list()[0].is_stuck());
  CHECK(over.list()[0].stopped);
  CHECK_FALSE(over.list()[0].exit_status.has_value());
  CHECK_FALSE(over.list()[0].signal.has_value());
  CHECK(is_below(pid, static_cast<pid_t>(over.list()[0].stuck_below)));
  CHECK(pool.running() == 0);
  CHECK(run(shell("exit 3")).exit_status == 3);
  CHECK(::kill(pid, 0) == 0);
  stuck.end();
  CHECK(eventually([&] { return ::kill(pid, 0) != 0; }));  // its warden has waited for it
}

TEST_CASE_FIXTURE(pool_fixture, "stuck: a child that hangs is told with how its leader ended") {
  auto spec = shell("sleep 1000 & echo $! > " + file("pids") + "; while [ ! -e " + file("go") +
                    " ]; do sleep 0.01; done; exit 4");
  spec.stuck_after_ms = 200;
  pool.start(spec, over.expect());
  auto const pid = pids_in(file("pids"), 1).at(0);
  hanging const stuck{pid};
  if (!stuck.works())
    return nsai::tests::skip("processes may not be traced here");
  std::ofstream{file("go")} << "go";
  REQUIRE(over.wait(1));
  CHECK(over.list()[0].is_stuck());
  CHECK(over.list()[0].exit_status == 4);
  CHECK(is_below(pid, static_cast<pid_t>(over.list()[0].stuck_below)));
}

TEST_CASE_FIXTURE(pool_fixture, "memory: a tree that holds more than its bound is ended") {
  auto spec = shell("head -c 200000000 /dev/zero | tail -c 200000000 | sleep 1000");
  spec.memory_limit_mb = 60;
  auto const exit = run(spec);
  CHECK(exit.memory_exceeded);
  CHECK(exit.peak_memory_mb > 60);
}

TEST_CASE_FIXTURE(pool_fixture, "pool: 200 programs, many at once, and wardens are used again") {
  for (int i = 0; i < 200; ++i)
    pool.start(shell("true"), over.expect());
  REQUIRE(over.wait(200));
  for (auto const& exit : over.list())
    CHECK(exit.exit_status == 0);
  CHECK(pool.running() == 0);
}

TEST_CASE_FIXTURE(pool_fixture, "pool: large arguments and environments arrive whole") {
  process_spec spec = shell("test ${#1} -eq 100000 && test ${#BIG} -eq 100000");
  spec.argv.insert(spec.argv.end(), {"x", std::string(100'000, 'a')});
  spec.env.push_back("BIG=" + std::string(100'000, 'b'));
  CHECK(run(spec).exit_status == 0);
}

TEST_CASE_FIXTURE(pool_fixture,
                  "pool: descriptors arrive in order as 3, 4, ..., with a large spec too, and no "
                  "others") {
  std::vector<file_descriptor> reads;
  std::vector<file_descriptor> given;
  std::string script;
  for (std::size_t i = 0; i < most_descriptors; ++i) {
    std::array<int, 2> ends{};
    REQUIRE(::pipe2(ends.data(), O_CLOEXEC) == 0);
    reads.emplace_back(ends[0]);
    given.emplace_back(ends[1]);
    script += "echo pipe " + std::to_string(i) + " > /dev/fd/" + std::to_string(3 + i) + "; ";
  }
  // In another order than their numbers have, so that one lies where another belongs.
  std::reverse(given.begin(), given.end());
  std::reverse(reads.begin(), reads.end());
  auto spec = shell(script + "ls /proc/self/fd | tr '\\n' ' '");
  spec.argv.push_back(std::string(100'000, 'x'));
  spec.log_path = file("log");
  pool.start(std::move(spec), over.expect(), {}, std::move(given));
  REQUIRE(over.wait(1));
  CHECK(over.list()[0].exit_status == 0);
  for (std::size_t i = 0; i < reads.size(); ++i) {
    std::array<char, 100> text{};
    auto const count = ::read(reads[i].get(), text.data(), text.size());
    CHECK(std::string(text.data(), count > 0 ? static_cast<std::size_t>(count) : 0) ==
          "pipe " + std::to_string(i) + "\n");
    CHECK(::read(reads[i].get(), text.data(), text.size()) == 0);  // nobody holds the other end
  }
  // The last one is the directory that ls itself has open.
  CHECK(text_of(file("log")) == "0 1 10 11 2 3 4 5 6 7 8 9 ");
}

TEST_CASE_FIXTURE(pool_fixture,
                  "warden killed: the program is reported lost, and its orphans are ended") {
  pid_t program = 0;
  pool.start(shell("echo $$ >> " + file("pids") + "; setsid sleep 1000 & echo $! >> " +
                   file("pids") + "; wait"),
             over.expect());
  auto const pids = pids_in(file("pids"), 2);
  REQUIRE(pids.size() == 2);
  program = pids[0];
  pid_t warden = 0;
  for (auto const child : children_of(keeper_pid))
    for (auto const grandchild : children_of(child))
      if (grandchild == program)
        warden = child;
  REQUIRE(warden > 0);
  ::kill(warden, SIGKILL);
  REQUIRE(over.wait(1));
  CHECK(over.list()[0].lost);
  // Already now, so that nobody else is given what they held.
  for (auto const pid : pids)
    CHECK_FALSE(alive(pid));
  pool.start(shell("exit 0"), over.expect());
  REQUIRE(over.wait(2));
  CHECK(over.list()[1].exit_status == 0);
}

TEST_CASE_FIXTURE(pool_fixture,
                  "keeper killed: what is started then fails with a reason instead of hanging") {
  ::kill(keeper_pid, SIGKILL);
  REQUIRE(eventually([&] { return !alive(keeper_pid); }));
  CHECK(run(shell("true")).fault == spawn_fault::resources);
}
