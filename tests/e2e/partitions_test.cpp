// Nodes that cannot be heard, or cannot hear, for a while.
#include <fstream>

#include <doctest/doctest.h>

#include "tests/e2e/networks.hpp"
#include "tests/e2e/process_scan.hpp"
#include "tests/e2e/store_check.hpp"
#include "tests/support/skip.hpp"

using namespace nsai::tests;
using namespace std::chrono_literals;

namespace {

bool const counted = [] {
  all_may_skip();
  return true;
}();

/// A head without work and two nodes, each in a network of its own.
struct three_networks {
  three_networks() : net(c, {"a", "b"}) {
    config = c.directory() / "config.json";
    std::ofstream{config} << R"({"heartbeat_ms": 200, "lease_ms": 1000, "adopt_ms": 3000,
                                  "grace_ms": 500, "events": {"file": "events.jsonl"}})";
    auto words = net.head_words();
    words.insert(words.end(), {"--config", config, "--no-work"});
    c.start_head(words);
    start("a");
  }

  void start(std::string const& name) {
    auto words = net.node_words();
    words.insert(words.end(), {"--config", config, "--cpus", "4"});
    c.start_node(name, words);
  }

  json node_record(std::string const& name) const {
    for (auto const& node : c.ask({"nodes"}))
      if (node.at("name") == name)
        return node;
    return json::object();
  }
  bool is(std::string const& name, std::string const& status) const {
    return node_record(name).value("status", "") == status;
  }

  /// The attempts that run as processes now, "job.attempt".
  std::vector<std::string> running_attempts() const {
    std::vector<std::string> list;
    for (auto const& p : job_processes_of(c.directory()))
      if (p.name == "sleep")
        list.push_back(p.job + "." + p.attempt);
    return list;
  }

  void check_promises() {
    c.stop_node("a");
    c.stop_node("b");
    c.stop_node("head");
    auto const store = read_store(c.data_of("head"));
    for (auto const& fault : broken_promises(store))
      CHECK_MESSAGE(false, fault);
    auto const events = read_events(c.data_of("head") / "events.jsonl");
    for (auto const& fault : broken_promises(events, store))
      CHECK_MESSAGE(false, fault);
    CHECK(eventually([&] { return processes_of(c.directory()).empty(); }));
  }

  cluster c;
  networks net;
  std::string config;
};

bool cannot() {
  return cannot_run(networks::why_not());
}

}  // namespace

TEST_CASE(
    "a partition longer than the lease: the job runs elsewhere, the old attempt ends when the node "
    "is back, one outcome counts") {
  if (cannot())
    return;
  three_networks n;
  auto const job = n.c.submit({"--max-retries", "0", "--", "sleep", "8"});
  REQUIRE(n.c.wait_status(job, "running"));
  REQUIRE(eventually([&] { return n.running_attempts().size() == 1; }));
  n.net.cut("a");
  REQUIRE(eventually([&] { return n.is("a", "lost"); }));
  n.start("b");
  REQUIRE(eventually([&] { return n.c.job(job).value("node", "") == "b"; }));
  CHECK(eventually([&] { return n.running_attempts().size() == 2; }));
  n.net.heal("a");
  CHECK(eventually([&] { return n.is("a", "ready"); }));
  CHECK(eventually([&] {
    return n.running_attempts() == std::vector<std::string>{std::to_string(job) + ".2"};
  }));
  CHECK(n.c.wait_status(job, "succeeded"));
  CHECK(n.c.job(job).at("attempt") == 2);
  CHECK(n.node_record("a").at("running") == 0);
  n.check_promises();
}

TEST_CASE("what a node sends is lost: it is lost in time, and takes part again when it is heard") {
  if (cannot())
    return;
  three_networks n;
  auto const job = n.c.submit({"--max-retries", "0", "--", "sleep", "2"});
  REQUIRE(n.c.wait_status(job, "running"));
  n.net.cut_to_head("a");
  // Its end cannot be told, so that it counts as lost with its node.
  REQUIRE(eventually([&] { return n.is("a", "lost"); }));
  n.start("b");
  CHECK(n.c.wait_status(job, "succeeded"));
  CHECK(n.c.job(job).at("node") == "b");
  n.net.heal("a");
  CHECK(eventually([&] { return n.is("a", "ready"); }));
  auto const again = n.c.submit({"--", "sleep", "0.1"});
  CHECK(n.c.wait_status(again, "succeeded"));
  n.check_promises();
}

TEST_CASE(
    "what the scheduler sends is lost: the node works on, and nothing is lost or done twice") {
  if (cannot())
    return;
  three_networks n;
  auto const job = n.c.submit({"--max-retries", "0", "--", "sleep", "2"});
  REQUIRE(n.c.wait_status(job, "running"));
  n.net.cut_from_head("a");
  // A node that hears nothing for a lease gives its session up, so that the scheduler does not go
  // on granting into the void.
  REQUIRE(eventually([&] { return !n.is("a", "ready"); }));
  auto const waiting = n.c.submit({"--", "sleep", "0.1"});
  n.net.heal("a");
  CHECK(eventually([&] { return n.is("a", "ready"); }));
  CHECK(n.c.wait_status(job, "succeeded"));
  CHECK(n.c.wait_status(waiting, "succeeded"));
  n.check_promises();
}

TEST_CASE("a link that flaps: everything ends once, and no job is given up for it") {
  if (cannot())
    return;
  three_networks n;
  n.start("b");
  auto const array = n.c.submit({"--stage", "sleep", "--set", "seconds=0.2", "--array", "0-79"});
  auto const echoes = n.c.submit({"--stage", "echo", "--array", "0-999"});
  for (int i = 0; i < 6; ++i) {
    n.net.cut("a");
    std::this_thread::sleep_for(std::chrono::milliseconds{200 + 150 * i});  // the flapping itself
    n.net.heal("a");
    auto const heard =
        n.c.submit({"--stage", "echo", "--priority", "interactive", "--node-label", "node=a"});
    REQUIRE(n.c.wait_status(heard, "succeeded"));  // it is connected again
  }
  CHECK(n.c.wait_status(array, "succeeded", 60s));
  CHECK(n.c.wait_status(echoes, "succeeded", 60s));
  CHECK(eventually([&] { return n.is("a", "ready"); }));
  n.check_promises();
}
