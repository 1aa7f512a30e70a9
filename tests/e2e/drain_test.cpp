// Nodes out of service, with real processes.
#include <array>
#include <ctime>
#include <fstream>

#include <doctest/doctest.h>
#include <signal.h>

#include "tests/e2e/cluster.hpp"

using namespace nsai::tests;

namespace {

json node_of(cluster const& c, std::string const& name) {
  for (auto const& node : c.ask({"nodes"}))
    if (node.at("name") == name)
      return node;
  FAIL("no node is called " << name);
  return {};
}

bool waits_for(cluster const& c, std::uint64_t job, std::string const& words) {
  auto const record = c.job(job);
  CAPTURE(record.at("wait_reason"));
  return record.at("status") == "queued" &&
         record.at("wait_reason").get<std::string>().find(words) != std::string::npos;
}

std::string in_seconds(std::int64_t s) {
  std::time_t const at = std::time(nullptr) + s;
  std::tm parts{};
  ::gmtime_r(&at, &parts);
  std::array<char, 40> text{};
  std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text.data();
}

/// Sleeps until the file is there; its first attempt would fail for good if that counted.
std::vector<std::string> until_there(std::filesystem::path const& file) {
  return {"--max-retries",
          "0",
          "--grace",
          "2s",
          "--",
          "sh",
          "-c",
          "trap 'exit 7' TERM; until [ -e " + file.string() + " ]; do sleep 0.05; done"};
}

}  // namespace

TEST_CASE("drain: a node finishes what it has, takes nothing more, and takes it after resume") {
  cluster c;
  c.start_head({"--cpus", "2"});
  auto const go = c.directory() / "go";
  auto const runs = c.submit(until_there(go));
  REQUIRE(c.wait_status(runs, "running"));
  auto const shown = c.ask({"drain", "head", "--reason", "new fans"});
  CHECK(shown.at(0).at("status") == "draining");
  CHECK(shown.at(0).at("drain").at("reason") == "new fans");
  CHECK(shown.at(0).at("drain").at("deadline").is_null());
  auto const waits = c.submit({"--stage", "echo"});
  CHECK(waits_for(c, waits, "node head drains (new fans)"));
  CHECK(c.run({"nodes"}).out.find("draining") != std::string::npos);
  std::ofstream{go} << "";
  CHECK(c.wait_status(runs, "succeeded"));
  CHECK(c.job(waits).at("status") == "queued");
  auto const names = c.run({"events", "--name", "work.node.*"}).out;
  CHECK(names.find("work.node.draining") != std::string::npos);
  CHECK(names.find("work.node.drained") != std::string::npos);
  CHECK(c.run({"resume", "head"}).exit_code == 0);
  CHECK(c.wait_status(waits, "succeeded"));
  CHECK(c.run({"resume", "head"}).exit_code == 5);
  auto const unknown = c.run({"drain", "head", "nobody"});
  CHECK(unknown.exit_code == 2);
  CHECK(unknown.err.find("nobody") != std::string::npos);
  CHECK(c.run({"drain", "head", "--from", in_seconds(9)}).exit_code == 2);
  CHECK(c.run({"drain", "head", "--until", "tomorrow"}).exit_code == 2);
  CHECK(node_of(c, "head").at("status") == "ready");
}

TEST_CASE("drain: past the deadline the rest runs elsewhere, and no failure is counted") {
  cluster c;
  c.start_head({"--no-work"});
  c.start_node("a", {"--cpus", "1"});
  auto const go = c.directory() / "go";
  auto const job = c.submit(until_there(go));
  REQUIRE(c.wait_status(job, "running"));
  CHECK(c.run({"drain", "a", "--deadline", "500ms"}).exit_code == 0);
  REQUIRE(c.wait_status(job, "queued"));
  CHECK(waits_for(c, job, "node a drains"));
  c.start_node("b", {"--cpus", "1"});
  REQUIRE(c.wait_status(job, "running"));
  std::ofstream{go} << "";
  REQUIRE(c.wait_status(job, "succeeded"));
  auto const record = c.job(job);
  CHECK(record.at("attempt") == 2);
  CHECK(record.at("node") == "b");
  CHECK(record.at("attempts").at(0).at("outcome") == "returned");
  CHECK(record.at("attempts").at(0).at("error").at("code") == "drained");
}

TEST_CASE(
    "drain: it outlives restarts of the scheduler and of the node, and so does its deadline") {
  cluster c;
  c.start_head({"--no-work"});
  c.start_node("a", {"--cpus", "1"});
  c.start_node("b", {"--cpus", "1"});
  CHECK(c.run({"drain", "b", "a"}).exit_code == 0);
  auto const waits = c.submit({"--stage", "echo"});
  c.node("head").kill_hard();
  c.start_head({"--no-work"});
  c.node("a").kill_hard();
  c.start_node("a", {"--cpus", "1"});
  CHECK(eventually([&] { return node_of(c, "a").at("status") == "draining"; }));
  CHECK(eventually([&] { return node_of(c, "b").at("status") == "draining"; }));
  CHECK(c.job(waits).at("status") == "queued");
  CHECK(c.run({"resume", "a"}).exit_code == 0);
  CHECK(c.wait_status(waits, "succeeded"));
  CHECK(c.job(waits).at("node") == "a");
  // Marked while the scheduler was away.
  auto const go = c.directory() / "go";
  auto const job = c.submit(until_there(go));
  REQUIRE(c.wait_status(job, "running"));
  CHECK(c.run({"drain", "a", "--deadline", "1s"}).exit_code == 0);
  auto const deadline = node_of(c, "a").at("drain").at("deadline").get<std::string>();
  c.node("head").kill_hard();
  REQUIRE(eventually([&] { return in_seconds(-1) > deadline; }));
  c.start_head({"--no-work"});
  CHECK(c.wait_status(job, "queued"));
  std::ofstream{go} << "";
  CHECK(c.run({"resume", "b"}).exit_code == 0);
  CHECK(c.wait_status(job, "succeeded"));
  CHECK(c.job(job).at("attempt") == 2);
}

TEST_CASE("a maintenance window: nothing starts that would run into it, and it ends by itself") {
  cluster c;
  c.start_head({"--cpus", "2"});
  CHECK(c.run({"drain", "head", "--from", in_seconds(3), "--until", in_seconds(5)}).exit_code == 0);
  auto const endless = c.submit({"--", "true"});
  auto const brief = c.submit({"--timeout", "500ms", "--", "true"});
  CHECK(c.wait_status(brief, "succeeded"));
  CHECK(waits_for(c, endless, "maintenance"));
  CHECK(eventually([&] { return node_of(c, "head").at("status") == "draining"; }));
  CHECK(c.job(endless).at("status") == "queued");
  CHECK(c.wait_status(endless, "succeeded"));
  CHECK(node_of(c, "head").at("maintenance").empty());
}

TEST_CASE("a node's lifetime: no job that may take longer, at the end all is handed back, exit 0") {
  cluster c;
  c.start_head({"--no-work"});
  auto& node = c.start_node("a", {"--cpus", "2", "--lifetime", "4s"});
  auto const longer = c.submit({"--timeout", "30s", "--", "true"});
  CHECK(waits_for(c, longer, "node a leaves at"));
  auto const brief = c.submit({"--timeout", "1s", "--", "true"});
  CHECK(c.wait_status(brief, "succeeded"));
  // What its estimate let in and that takes longer is handed back.
  auto const held = c.submit({"--estimate", "1s", "--", "sleep", "60"});
  REQUIRE(c.wait_status(held, "running"));
  CHECK(node.wait_end() == 0);
  CHECK(c.wait_status(held, "queued"));
  auto const attempt = c.job(held).at("attempts").at(0);
  CHECK(attempt.at("outcome") == "returned");
  CHECK(attempt.at("error").at("code") == "lifetime_over");
  CHECK(c.job(longer).at("status") == "queued");
  CHECK(c.run({"node", "--lifetime", "never"}).exit_code == 2);
}
