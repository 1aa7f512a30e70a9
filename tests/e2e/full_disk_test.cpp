// Disks that take nothing more: under the store, and under the files of a node.
#include <fstream>
#include <optional>

#include <doctest/doctest.h>
#include <signal.h>

#include "tests/e2e/cluster.hpp"
#include "tests/e2e/process_scan.hpp"
#include "tests/e2e/small_disk.hpp"
#include "tests/e2e/store_check.hpp"
#include "tests/support/skip.hpp"

using namespace nsai::tests;
using namespace std::chrono_literals;

namespace {

bool const counted = [] {
  all_may_skip();
  return true;
}();

bool cannot() {
  return cannot_run(small_disk::why_not());
}

struct two_nodes {
  explicit two_nodes(std::string const& small) : disk(c.data_of(small), 24) {
    config = c.directory() / "config.json";
    std::ofstream{config} << R"({"heartbeat_ms": 200, "lease_ms": 1500, "grace_ms": 500})";
    c.start_head({"--config", config, "--no-work"});
    c.start_node("a", {"--config", config, "--cpus", "4"});
  }
  /// Of a node that must end in order, and then is looked into.
  void end_and_check() {
    for (auto const* name : {"a", "head"}) {
      c.node(name).signal(SIGTERM);
      CHECK(c.node(name).wait_end() == 0);
    }
    for (auto const& fault : broken_promises(read_store(c.data_of("head"))))
      CHECK_MESSAGE(false, fault);
  }

  cluster c;
  small_disk disk;
  std::string config;
};

}  // namespace

TEST_CASE(
    "a full disk under the store: submissions are refused with the reason, what was acknowledged "
    "stays, and all goes on when there is room") {
  if (cannot())
    return;
  two_nodes t{"head"};
  auto& c = t.c;
  auto const gate = (c.directory() / "go").string();
  auto const running = c.submit(
      {"--max-retries", "0", "--", "sh", "-c", "until [ -e " + gate + " ]; do sleep 0.05; done"});
  REQUIRE(c.wait_status(running, "running"));
  std::vector<std::uint64_t> acknowledged;
  t.disk.fill();
  // The file of the last commits has a little room of its own.
  finished refused;
  REQUIRE(eventually([&] {
    refused = c.run({"submit", "--stage", "echo", "--set", "text=" + std::string(20'000, 'x')});
    if (refused.exit_code == 0)
      acknowledged.push_back(std::stoull(refused.out));
    return refused.exit_code != 0;
  }));
  CHECK(refused.exit_code == 3);
  CHECK_MESSAGE(refused.err.find("full") != std::string::npos, refused.err);
  // The program ends meanwhile: its outcome waits on its node. Records can be read all the time.
  std::ofstream{gate} << "go";
  CHECK(eventually([&] { return job_processes_of(c.directory()).empty(); }));
  CHECK(c.job(running).at("status") == "running");
  CHECK(c.ask({"stats"}).at("store_error").get<std::string>() != "");
  t.disk.make_room();
  CHECK(eventually([&] {
    return c.run({"submit", "--stage", "echo", "--set", "text=again"}).exit_code == 0;
  }));
  CHECK(c.wait_status(running, "succeeded"));
  CHECK(c.job(running).at("attempt") == 1);
  for (auto const job : acknowledged)
    CHECK(c.wait_status(job, "succeeded"));
  CHECK(eventually([&] { return c.ask({"stats"}).at("live_jobs") == 0; }));
  t.end_and_check();
}

TEST_CASE(
    "a full disk under a scheduler that is killed and started again: it starts when there is room, "
    "and nothing acknowledged is missing") {
  if (cannot())
    return;
  two_nodes t{"head"};
  auto& c = t.c;
  auto const array = c.submit({"--stage", "sleep", "--set", "seconds=0.1", "--array", "0-49"});
  t.disk.fill();
  c.node("head").kill_hard();
  auto& head = c.launch_head({"--config", t.config, "--no-work"});
  // Either it gets on with what room its files have, or it says why it cannot.
  if (!head.wait_ready(3s)) {
    CHECK(head.wait_end() != -1);
    CHECK_MESSAGE(c.log_of("head").find("full") != std::string::npos, c.log_of("head"));
    t.disk.make_room();
    c.start_head({"--config", t.config, "--no-work"});
  }
  t.disk.make_room();
  CHECK(c.wait_status(array, "succeeded", 60s));
  t.end_and_check();
}

TEST_CASE(
    "a full disk under a node: what runs ends with its outcome, its log is cut short, nobody is "
    "blamed for what cannot start there, and it works again when there is room") {
  if (cannot())
    return;
  two_nodes t{"a"};
  auto& c = t.c;
  auto const gate = (c.directory() / "go").string();
  auto const running =
      c.submit({"--max-retries", "0", "--", "sh", "-c",
                "until [ -e " + gate + " ]; do sleep 0.05; done; seq 1 100000; echo over >&2"});
  auto const stage = c.submit({"--stage", "sleep", "--set", "seconds=1", "--max-retries", "0"});
  REQUIRE(c.wait_status(running, "running"));
  REQUIRE(c.wait_status(stage, "running"));
  t.disk.fill();
  auto const waiting = c.submit({"--max-retries", "0", "--", "sh", "-c", "echo written"});
  std::ofstream{gate} << "go";
  CHECK(c.wait_status(running, "succeeded"));
  CHECK(c.wait_status(stage, "succeeded"));
  CHECK(c.job(running).at("attempt") == 1);
  CHECK(c.ask({"submit", "--stage", "echo", "--wait"}).at(0).at("status") == "succeeded");
  CHECK(c.job(waiting).at("status") != "failed");
  t.disk.make_room();
  CHECK(c.wait_status(waiting, "succeeded", 60s));
  t.end_and_check();
}

TEST_CASE("a node with a full disk leaves its work to one that has room") {
  if (cannot())
    return;
  two_nodes t{"a"};
  t.disk.fill();
  t.c.start_node("b", {"--config", t.config, "--cpus", "1"});
  std::vector<std::uint64_t> jobs;
  for (int i = 0; i < 8; ++i)
    jobs.push_back(t.c.submit({"--max-retries", "0", "--", "true"}));
  for (auto const job : jobs) {
    CHECK(t.c.wait_status(job, "succeeded"));
    CHECK(t.c.job(job).value("node", "") == "b");
  }
  t.disk.make_room();
}

TEST_CASE(
    "outcomes that the scheduler does not take reach it later, although the node's disk was full "
    "meanwhile") {
  if (cannot())
    return;
  two_nodes t{"a"};
  auto& c = t.c;
  auto const array = c.submit({"--stage", "sleep", "--set", "seconds=0.5", "--array", "0-3"});
  REQUIRE(eventually([&] { return c.ask({"stats"}).at("running") == 4; }));
  t.disk.fill();
  c.node("head").signal(SIGSTOP);
  // The jobs end, and two beats go by without an answer, in which the spool cannot be written.
  CHECK(eventually(
      [&] { return c.log_of("a").find("cannot be kept on disk") != std::string::npos; }));
  c.node("head").signal(SIGCONT);
  CHECK(c.wait_status(array, "succeeded"));
  for (auto const& child : c.ask({"jobs", "--experiment", std::to_string(array)}))
    CHECK(child.at("attempt") == (child.at("id") == array ? 0 : 1));
  t.disk.make_room();
  t.end_and_check();
}
