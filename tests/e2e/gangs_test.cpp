// Gangs, with real processes.
#include <set>

#include <doctest/doctest.h>
#include <signal.h>

#include "tests/e2e/cluster.hpp"

using namespace nsai::tests;

namespace {

void start_three(cluster& c) {
  c.start_head({"--no-work"});
  for (auto const* const name : {"a", "b", "c"})
    c.start_node(name, {"--cpus", "2"});
}

json member(cluster const& c, std::uint64_t gang, std::uint64_t rank) {
  return c.job(gang + 1 + rank);
}

std::string log_of(cluster const& c, std::uint64_t job) {
  return c.run({"logs", std::to_string(job)}).out;
}

}  // namespace

TEST_CASE("gang: each member knows its rank and where rank 0 is, and its result is the gang's") {
  cluster c;
  start_three(c);
  auto const gang = c.submit({"--nodes", "2", "--", "sh", "-c",
                              "echo $RANK $WORLD_SIZE $LOCAL_RANK $NODE_RANK $NNODES $MASTER_ADDR "
                              "$MASTER_PORT; echo \"{\\\"rank\\\": $RANK}\" > $NSAI_RESULT"});
  REQUIRE(c.wait_status(gang, "succeeded"));
  auto const record = c.job(gang);
  CHECK(record.at("nodes") == 2);
  CHECK(record.at("attempt") == 1);
  CHECK(record.at("result").at("rank") == 0);
  CHECK(member(c, gang, 1).at("result").at("rank") == 1);
  CHECK(member(c, gang, 1).at("rank") == 1);
  CHECK(member(c, gang, 0).at("node") != member(c, gang, 1).at("node"));
  auto const first = log_of(c, gang + 1);
  auto const second = log_of(c, gang + 2);
  CHECK(first.starts_with("0 2 0 0 2 127.0.0.1 "));
  CHECK(second.starts_with("1 2 0 1 2 127.0.0.1 "));
  CHECK(first.substr(8) == second.substr(8));
  auto const port = std::stoi(first.substr(first.rfind(' ')));
  CHECK(port > 1024);
  CHECK(port < 65536);
  auto const both = log_of(c, gang);
  CHECK(both.find(first) != std::string::npos);
  CHECK(both.find(second) != std::string::npos);
}

TEST_CASE("gang: too many nodes, or an array of gangs, is refused with the field's name") {
  cluster c;
  start_three(c);
  for (auto const* const count : {"4", "0", "10001"}) {
    auto const refused = c.run({"--json", "submit", "--nodes", count, "--stage", "echo"});
    CHECK(refused.exit_code == 2);
    CHECK(refused.document().at("error").at("field") == "nodes");
  }
  auto const array =
      c.run({"--json", "submit", "--nodes", "2", "--array", "0-3", "--stage", "echo"});
  CHECK(array.exit_code == 2);
  CHECK(array.document().at("error").at("code") == "unsupported");
}

TEST_CASE("gang: a rank that fails stops the others, and all start again together") {
  cluster c;
  start_three(c);
  auto const gang =
      c.submit({"--nodes", "3", "--max-retries", "1", "--retry-backoff", "100ms", "--", "sh", "-c",
                "[ $NSAI_ATTEMPT = 2 ] || [ $RANK = 2 ] && exit 0; [ $RANK = 1 ] && exit 3; "
                "sleep 60"});
  REQUIRE(c.wait_status(gang, "succeeded"));
  auto const record = c.job(gang);
  CHECK(record.at("attempt") == 2);
  CHECK(record.at("attempts").at(0).at("outcome") == "failed");
  auto const message = record.at("attempts").at(0).at("error").at("message").get<std::string>();
  CHECK(message.find("rank 1") != std::string::npos);
  CHECK(member(c, gang, 0).at("attempts").at(0).at("error").at("code") == "gang_over");
  // Without retries left it ends, and so do all members.
  auto const fails = c.submit({"--nodes", "2", "--", "sh", "-c", "exit $RANK"});
  REQUIRE(c.wait_status(fails, "failed"));
  CHECK(c.job(fails).at("error").at("exit_status") == 1);
  CHECK(member(c, fails, 0).at("status") == "failed");
  auto const again = c.run({"retry", std::to_string(fails)});
  REQUIRE(again.exit_code == 0);
  CHECK(c.job(std::stoull(again.out)).at("nodes") == 2);
  CHECK(c.run({"retry", std::to_string(fails + 1)}).exit_code == 5);
}

TEST_CASE("gang: a node that is killed costs the gang an attempt and nobody a failure") {
  cluster c;
  start_three(c);
  auto const file = (c.directory() / "go").string();
  auto const gang =
      c.submit({"--nodes", "2", "--", "sh", "-c", "until [ -e " + file + " ]; do sleep 0.1; done"});
  REQUIRE(c.wait_status(gang, "running"));
  auto const dead = member(c, gang, 1).at("node").get<std::string>();
  c.node(dead).kill_hard();
  CHECK(eventually([&] { return c.job(gang).at("attempt") == 2; }, std::chrono::seconds{60}));
  CHECK(c.job(gang).at("attempts").at(0).at("outcome") == "lost");
  std::set<std::string> nodes;
  for (std::uint64_t rank = 0; rank < 2; ++rank)
    nodes.insert(member(c, gang, rank).at("node").get<std::string>());
  CHECK(nodes.size() == 2);
  CHECK_FALSE(nodes.contains(dead));
  CHECK(run_program({"touch", file}, {}, std::chrono::seconds{5}).exit_code == 0);
  CHECK(c.wait_status(gang, "succeeded"));
}

TEST_CASE("gang: it runs on over a restart of the scheduler, with the result of who was done") {
  cluster c;
  start_three(c);
  auto const file = (c.directory() / "go").string();
  auto const gang = c.submit({"--nodes", "2", "--", "sh", "-c",
                              "echo \"{\\\"rank\\\": $RANK}\" > $NSAI_RESULT; [ $RANK = 0 ] || "
                              "until [ -e " +
                                  file + " ]; do sleep 0.1; done"});
  REQUIRE(eventually([&] {
    return member(c, gang, 0).at("wait_reason").get<std::string>().find("other members") !=
           std::string::npos;
  }));
  c.node("head").kill_hard();
  c.start_head({"--no-work"});
  CHECK(run_program({"touch", file}, {}, std::chrono::seconds{5}).exit_code == 0);
  REQUIRE(c.wait_status(gang, "succeeded"));
  CHECK(c.job(gang).at("attempt") == 1);
  CHECK(c.job(gang).at("result").at("rank") == 0);
}
