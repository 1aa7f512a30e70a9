// Nodes and schedulers that are killed, stopped and started again.
#include <algorithm>
#include <fstream>

#include <doctest/doctest.h>
#include <signal.h>

#include "tests/e2e/cluster.hpp"
#include "tests/e2e/process_scan.hpp"

using namespace nsai::tests;

namespace {

/// Leases short enough for a test; the rules are the same.
std::vector<std::string> fast(cluster const& c, std::vector<std::string> more) {
  auto const file = c.directory() / "fast.json";
  std::ofstream{file} << R"({"heartbeat_ms": 200, "lease_ms": 1000, "adopt_ms": 5000})";
  more.insert(more.begin(), {"--config", file.string()});
  return more;
}

std::int64_t count_status(cluster const& c, std::string const& status) {
  return c.ask({"stats"}).at("jobs").at(status).get<std::int64_t>();
}

}  // namespace

TEST_CASE(
    "kill -9 of a worker with 20 running jobs: all end elsewhere, with exactly one more attempt") {
  cluster c;
  c.start_head(fast(c, {"--cpus", "1"}));
  c.start_node("a", {"--cpus", "20"});
  c.start_node("b", {"--cpus", "1", "--label", "x=y"});
  // Nothing ends before the test says so, however slow the machine is.
  auto const gate = c.directory() / "go";
  std::vector<std::uint64_t> jobs;
  for (int i = 0; i < 20; ++i)
    jobs.push_back(c.submit({"--cpu", "0.9", "--", "sh", "-c",
                             "until [ -e " + gate.string() + " ]; do sleep 0.1; done"}));
  REQUIRE(eventually([&] { return c.ask({"stats"}).at("running") == 20; }));
  std::vector<bool> was_there;
  for (auto const job : jobs)
    was_there.push_back(c.job(job).at("node") == "a");
  c.node("a").kill_hard();
  c.start_node("d", {"--cpus", "20"});
  REQUIRE(eventually([&] { return c.ask({"stats"}).at("running") == 20; }));
  std::ofstream{gate} << "go";
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    CHECK(c.wait_status(jobs[i], "succeeded", std::chrono::seconds{60}));
    CHECK(c.job(jobs[i]).at("attempt") == (was_there[i] ? 2 : 1));
  }
}

TEST_CASE(
    "a node that is stopped for longer than its lease: superseded attempts end, nothing ends "
    "twice, it joins again") {
  cluster c;
  c.start_head(fast(c, {"--cpus", "0"}));
  auto& a = c.start_node("a", {"--cpus", "2"});
  auto const job = c.submit({"--stage", "sleep", "--set", "seconds=4"});
  REQUIRE(c.wait_status(job, "running"));
  a.signal(SIGSTOP);
  REQUIRE(eventually([&] { return c.job(job).at("status") != "running"; }));
  c.start_node("b", {"--cpus", "2"});
  REQUIRE(eventually([&] { return c.job(job).value("node", "") == "b"; }));
  a.signal(SIGCONT);
  CHECK(c.wait_status(job, "succeeded"));
  CHECK(c.job(job).at("attempt") == 2);
  CHECK(eventually([&] {
    for (auto const& node : c.ask({"nodes"}))
      if (node.at("name") == "a" && node.at("status") == "ready" && node.at("running") == 0)
        return true;
    return false;
  }));
  CHECK(count_status(c, "succeeded") == 1);
}

TEST_CASE("kill -9 of the scheduler under load: no job is lost, running attempts are adopted") {
  cluster c;
  c.start_head(fast(c, {"--no-work"}));
  c.start_node("a", {"--cpus", "50"});
  c.start_node("b", {"--cpus", "50"});
  auto const parent = c.submit({"--stage", "sleep", "--set", "seconds=5", "--array", "0-99"});
  REQUIRE(eventually([&] { return c.ask({"stats"}).at("running") == 100; }));
  auto const rest = c.submit({"--stage", "echo", "--array", "0-899"});
  c.node("head").kill_hard();
  c.start_head(fast(c, {"--no-work"}));
  CHECK(c.wait_status(parent, "succeeded", std::chrono::seconds{60}));
  CHECK(c.wait_status(rest, "succeeded", std::chrono::seconds{60}));
  for (auto const& child :
       c.ask({"jobs", "--experiment", std::to_string(parent), "--limit", "200"}))
    CHECK(child.at("attempt") == (child.at("id") == parent ? 0 : 1));
  CHECK(count_status(c, "succeeded") == 1002);
}

TEST_CASE("kill -9 of a node leaves no process of its jobs behind") {
  cluster c;
  auto& head = c.start_head(fast(c, {}));
  auto const marker = c.directory() / "pid";
  auto const job =
      c.submit({"--", "sh", "-c", "setsid sleep 1000 & echo $! > " + marker.string() + "; wait"});
  REQUIRE(c.wait_status(job, "running"));
  REQUIRE(eventually(
      [&] { return std::filesystem::exists(marker) && std::filesystem::file_size(marker) > 0; }));
  pid_t daemon = 0;
  std::ifstream{marker} >> daemon;
  REQUIRE(::kill(daemon, 0) == 0);
  head.kill_hard();
  CHECK(eventually([&] { return ::kill(daemon, 0) != 0; }));
}

TEST_CASE("kill -9 of the keeper ends its node and all that it runs; the job goes on elsewhere") {
  cluster c;
  c.start_head(fast(c, {"--no-work"}));
  auto& a = c.start_node("a", {"--cpus", "2"});
  auto const gate = (c.directory() / "go").string();
  auto const job = c.submit(
      {"--max-retries", "0", "--", "sh", "-c", "until [ -e " + gate + " ]; do sleep 0.1; done"});
  REQUIRE(eventually([&] { return !job_processes_of(c.directory()).empty(); }));
  auto const keepers = below(a.pid(), "nsai-keeper");
  REQUIRE(keepers.size() == 1);
  ::kill(keepers.front(), SIGKILL);
  CHECK(a.wait_end() == 1);
  CHECK(eventually([&] { return job_processes_of(c.directory()).empty(); }));
  std::ofstream{gate} << "go";
  c.start_node("b", {"--cpus", "2"});
  CHECK(c.wait_status(job, "succeeded"));
  CHECK(c.job(job).at("node") == "b");
}

TEST_CASE("a store that cannot be used ends the node at once, with the reason") {
  cluster c;
  auto const data = c.directory() / "broken";
  std::filesystem::create_directory(data);
  std::filesystem::permissions(data, std::filesystem::perms::owner_all);
  std::ofstream{data / "jobs.db"} << std::string(4096, 'x');
  auto const result =
      c.run({"node", "--listen", c.address(), "--data-dir", data}, std::chrono::seconds{10});
  CHECK(result.exit_code == 1);
  CHECK(result.err.find("not a database") != std::string::npos);
}

TEST_CASE("SIGTERM of a worker: its work goes on elsewhere, unblamed, and the scheduler stays") {
  cluster c;
  auto& head = c.start_head(fast(c, {"--cpus", "0"}));
  auto& a = c.start_node("a", {"--cpus", "2"});
  auto const job = c.submit({"--stage", "sleep", "--set", "seconds=2", "--max-retries", "0"});
  REQUIRE(c.wait_status(job, "running"));
  c.start_node("b", {"--cpus", "2"});
  a.signal(SIGTERM);
  CHECK(a.wait_end() == 0);
  CHECK(c.wait_status(job, "succeeded"));
  CHECK(c.job(job).at("node") == "b");
  CHECK(c.job(job).at("attempt") == 2);
  CHECK(head.wait_end(std::chrono::seconds{0}) == -1);
}

TEST_CASE("a node that looks for a scheduler in vain ends in order on SIGTERM") {
  cluster c;
  auto& a = c.launch_node("a", {"--cpus", "1"});
  REQUIRE(eventually([&] { return c.log_of("a").find("cannot be reached") != std::string::npos; }));
  a.signal(SIGTERM);
  CHECK(a.wait_end() == 0);
}

TEST_CASE("a node that is started before the scheduler has ever run joins once it does") {
  cluster c;
  auto& a = c.launch_node("a", {"--cpus", "1"});
  // It has looked for the scheduler, and for the secret, in vain.
  REQUIRE(eventually([&] { return c.log_of("a").find("cannot be reached") != std::string::npos; }));
  c.start_head({"--no-work"});
  CHECK(a.wait_ready());
}

TEST_CASE(
    "event numbers ascend over a restart of the scheduler, and a reader goes on after its last") {
  cluster c;
  auto& head = c.start_head();
  c.ask({"submit", "--stage", "echo", "--set", "text=x", "--wait"});
  auto const before = c.ask({"events"});
  auto const last = before.back().at("sequence").get<std::uint64_t>();
  CHECK(before.front().at("sequence") == 1);
  head.kill_hard();
  c.start_head();
  c.ask({"submit", "--stage", "echo", "--set", "text=x", "--wait"});
  auto const after = c.ask({"events", "--after", std::to_string(last), "--name", "work.job.*"});
  REQUIRE(after.size() == 4);
  CHECK(after.front().at("name") == "work.job.submitted");
  auto previous = last;
  for (auto const& e : after) {
    CHECK(e.at("sequence") > previous);
    previous = e.at("sequence").get<std::uint64_t>();
  }
}

TEST_CASE("the file of events goes on where it was when the node and its scheduler were killed") {
  cluster c;
  auto const config = (c.directory() / "events.json").string();
  std::ofstream{config} << R"({"events": {"file": "events.jsonl"}})";
  auto const file = c.directory() / "head" / "events.jsonl";
  auto const lines = [&] {
    std::vector<json> list;
    std::ifstream in{file};
    for (std::string line; std::getline(in, line);)
      list.push_back(json::parse(line));
    return list;
  };
  auto const completed = [&](std::size_t jobs) {
    auto const list = lines();
    return static_cast<std::size_t>(std::count_if(list.begin(), list.end(), [](json const& e) {
             return e.at("name") == "work.job.completed";
           })) == jobs;
  };
  auto& head = c.start_head({"--config", config});
  c.ask({"submit", "--stage", "echo", "--set", "text=x", "--wait"});
  CHECK(eventually([&] { return completed(1); }));
  head.kill_hard();
  c.start_head({"--config", config});
  c.ask({"submit", "--stage", "echo", "--set", "text=x", "--wait"});
  CHECK(eventually([&] { return completed(2); }));
  std::uint64_t last = 0;
  for (auto const& e : lines()) {
    CHECK(e.at("sequence") > last);
    last = e.at("sequence").get<std::uint64_t>();
  }
}
