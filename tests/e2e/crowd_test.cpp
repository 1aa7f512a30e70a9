// Many clients at once, clients that do not read, results that are too large, and a scheduler that
// does nothing for a while.
#include <fstream>

#include <doctest/doctest.h>
#include <signal.h>

#include "tests/e2e/cluster.hpp"
#include "tests/e2e/process_scan.hpp"
#include "tests/e2e/store_check.hpp"

using namespace nsai::tests;
using namespace std::chrono_literals;

namespace {

std::string of_bytes(int count) {
  return "{ printf '\"'; head -c " + std::to_string(count - 2) +
         " /dev/zero | tr '\\0' x; printf '\"'; } > $NSAI_RESULT";
}

/// Programs of a test's own beside the cluster.
std::unique_ptr<node_process> client(cluster const& c, std::vector<std::string> argv) {
  return std::make_unique<node_process>(
      std::move(argv), c.directory() / "clients.log",
      std::map<std::string, std::string>{{"XDG_RUNTIME_DIR", c.directory() / "runtime"},
                                         {"NSAI_SCHEDULER", c.address()}});
}

}  // namespace

TEST_CASE("500 clients that connect at once are all served") {
  cluster c;
  auto& head = c.start_head({"--cpus", "2"});
  auto const files_before = open_files(head.pid());
  std::vector<std::unique_ptr<node_process>> clients;
  for (int i = 0; i < 500; ++i)
    clients.push_back(client(c, {program(), "submit", "--stage", "echo", "--set",
                                 "text=" + std::to_string(i), "--wait"}));
  int served = 0;
  for (auto& each : clients)
    served += each->wait_end(120s) == 0 ? 1 : 0;
  std::ifstream log{c.directory() / "clients.log"};
  std::string const complaints{std::istreambuf_iterator<char>{log}, {}};
  CHECK_MESSAGE(served == 500, complaints.substr(0, 500));
  CHECK(c.ask({"stats"}).at("jobs").at("succeeded") == 500);
  // They have gone, and have left nothing open.
  CHECK(eventually([&] { return open_files(head.pid()) <= files_before + 4; }));
}

TEST_CASE(
    "a client that asks and never reads: the scheduler's memory stays bounded, and others are "
    "served") {
  cluster c;
  auto& head = c.start_head({"--cpus", "2"});
  constexpr std::int64_t most_kb = 1'200'000;
  // Together the answers are some 7 GB.
  auto const deaf = client(c, {NSAI_DEAF_CLIENT, c.address(), "4000"});
  std::int64_t highest_kb = 0;
  int served = 0;
  auto const begin = std::chrono::steady_clock::now();
  auto const passed = [&](std::chrono::seconds time) {
    return std::chrono::steady_clock::now() - begin > time;
  };
  // Long enough for the memory to show; how quickly the others are served depends on the machine.
  while ((!passed(12s) || served <= 3) && !passed(120s) && highest_kb < most_kb) {
    served += c.run({"submit", "--stage", "echo", "--wait"}).exit_code == 0 ? 1 : 0;
    highest_kb = std::max(highest_kb, resident_kb(head.pid()));
  }
  CHECK(deaf->wait_end(0s) == -1);
  CHECK(highest_kb < most_kb);
  CHECK(served > 3);
  CHECK(c.run({"submit", "--stage", "echo", "--wait"}).exit_code == 0);
  CHECK(eventually([&] { return resident_kb(head.pid()) < most_kb / 2; }));
}

TEST_CASE(
    "a result of 16 MiB arrives whole; one byte more is refused, and the error says what to do") {
  cluster c;
  c.start_head({"--cpus", "1"});
  constexpr int most = 16 * 1024 * 1024;
  auto const whole = c.ask({"submit", "--wait", "--", "sh", "-c", of_bytes(most)});
  CHECK(whole.at(0).at("status") == "succeeded");
  CHECK(whole.at(0).at("result").get_ref<std::string const&>() == std::string(most - 2, 'x'));
  auto const refused = c.run({"--json", "submit", "--wait", "--", "sh", "-c", of_bytes(most + 1)});
  CHECK(refused.exit_code == 1);
  auto const error = refused.document().at(0).at("error");
  CHECK(error.at("code") == "bad_result");
  auto const message = error.at("message").get<std::string>();
  CHECK_MESSAGE(message.find("16777217 bytes") != std::string::npos, message);
  CHECK_MESSAGE(message.find("NSAI_ARTIFACTS") != std::string::npos, message);
}

TEST_CASE("a scheduler that is stopped for 30 s under load: nobody is lost, no job is blamed") {
  cluster c;
  auto const config = (c.directory() / "config.json").string();
  std::ofstream{config} << R"({"heartbeat_ms": 200, "lease_ms": 2000,
                                "events": {"file": "events.jsonl"}})";
  auto& head = c.start_head({"--config", config, "--no-work"});
  c.start_node("a", {"--cpus", "4"});
  c.start_node("b", {"--cpus", "4"});
  auto const array = c.submit({"--stage", "sleep", "--set", "seconds=2", "--array", "0-99"});
  auto const sleeper = c.submit({"--max-retries", "0", "--", "sleep", "5"});
  REQUIRE(c.wait_status(sleeper, "running"));
  auto const files_before = open_files(head.pid());
  head.signal(SIGSTOP);
  auto const waiting = client(c, {program(), "submit", "--stage", "echo", "--wait"});
  std::this_thread::sleep_for(30s);  // this is the fault itself
  head.signal(SIGCONT);
  CHECK(c.wait_status(array, "succeeded", 120s));
  CHECK(c.wait_status(sleeper, "succeeded"));
  CHECK(waiting->wait_end() != -1);
  CHECK(c.job(sleeper).at("attempt") == 1);
  for (auto const& child : c.ask({"jobs", "--experiment", std::to_string(array), "--limit", "200"}))
    CHECK(child.at("attempt") == (child.at("id") == array ? 0 : 1));
  for (auto const& e : read_events(c.data_of("head") / "events.jsonl"))
    CHECK(e.at("name") != "work.node.lost");
  CHECK(eventually([&] { return open_files(head.pid()) <= files_before + 4; }));
  c.stop_node("head");
  for (auto const& fault : broken_promises(read_store(c.data_of("head"))))
    CHECK_MESSAGE(false, fault);
}
