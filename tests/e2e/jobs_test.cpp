// Jobs among jobs: dependencies and their outputs, batches, unique jobs, groups, what recurs.
#include <fstream>

#include <doctest/doctest.h>
#include <signal.h>

#include "tests/e2e/cluster.hpp"

using namespace nsai::tests;

TEST_CASE("what a dependency left is in the context of a program, by name") {
  cluster c;
  c.start_head();
  auto const first = c.submit({"--stage", "echo", "--set", "text=hi", "--name", "train"});
  auto const seen = c.directory() / "seen.json";
  auto const last = c.submit(
      {"--after", std::to_string(first), "--", "sh", "-c", "cp $NSAI_CONTEXT " + seen.string()});
  REQUIRE(c.wait_status(last, "succeeded"));
  auto const context = json::parse(std::ifstream{seen});
  CHECK(context.at("outputs").at("train").at("text") == "hi");
  CHECK(context.at("inputs").at("dependencies").at("train").at("status") == "succeeded");
}

TEST_CASE("after any end, and skipped for a failure") {
  cluster c;
  c.start_head();
  auto const bad = std::to_string(c.submit({"--", "false"}));
  auto const any = c.submit({"--stage", "echo", "--after-any", bad});
  auto const skipped =
      c.submit({"--stage", "echo", "--after", bad, "--on-failed-dependency", "skip"});
  CHECK(c.wait_status(any, "succeeded"));
  REQUIRE(c.wait_status(skipped, "canceled"));
  CHECK(c.job(skipped).at("error").at("code") == "skipped");
}

TEST_CASE("a batch: names become numbers; a cycle makes none of it") {
  cluster c;
  c.start_head();
  auto const file = c.directory() / "batch.jsonl";
  std::ofstream{file} << R"({"name": "b", "stage": "echo", "after": ["a"]})" << '\n'
                      << R"({"name": "a", "stage": "echo"})" << '\n';
  auto const made = c.ask({"submit", "--batch", file.string()});
  REQUIRE(made.at("jobs").size() == 2);
  auto const b = made.at("jobs").at(0).get<std::uint64_t>();
  REQUIRE(c.wait_status(b, "succeeded"));
  CHECK(c.job(b).at("name") == "b");
  CHECK(c.job(b).at("constraints").at("depends_on").at(0) == made.at("jobs").at(1));
  std::ofstream{file} << R"([{"name": "a", "stage": "echo", "after": ["b"]},
                             {"name": "b", "stage": "echo", "after": ["a"]}])";
  auto const refused = c.run({"submit", "--batch", file.string()});
  CHECK(refused.exit_code == 2);
  CHECK(refused.err.find("a -> b -> a") != std::string::npos);
  CHECK(c.ask({"jobs"}).size() == 2);
}

TEST_CASE("unique jobs and groups hold over a restart of the scheduler") {
  cluster c;
  c.start_head();
  std::vector<std::string> const unique{"--unique", "u", "--not-before", "1h", "--stage", "echo"};
  auto const first = c.submit(unique);
  CHECK(c.submit(unique) == first);
  c.submit({"--group", "g", "--", "sleep", "100"});
  auto const waits = c.submit({"--group", "g", "--stage", "echo"});
  CHECK(c.job(waits)
            .at("wait_reason")
            .get<std::string>()
            .starts_with("waiting for a place in group g (1 of 1 running"));
  CHECK(c.run({"submit", "--group", "g", "--group-limit", "2", "--stage", "echo"}).exit_code == 5);
  c.node("head").kill_hard();
  c.start_head();
  CHECK(c.submit(unique) == first);
  CHECK(c.run({"submit", "--group", "g", "--group-limit", "2", "--stage", "echo"}).exit_code == 5);
}

TEST_CASE("what recurs: listed, kept over a restart, ended by name; bad times are refused") {
  cluster c;
  c.start_head();
  CHECK(c.run({"submit", "--cron", "61 * * * *", "--name", "x", "--stage", "echo"}).exit_code == 2);
  auto const made =
      c.ask({"submit", "--cron", "0 4 * * mon", "--name", "weekly", "--stage", "echo"});
  CHECK(made.at("name") == "weekly");
  CHECK(c.run({"submit", "--cron", "0 5 * * *", "--name", "weekly", "--stage", "echo"}).exit_code ==
        5);
  c.node("head").kill_hard();
  c.start_head();
  auto const list = c.ask({"recurring"});
  REQUIRE(list.size() == 1);
  CHECK(list.at(0).at("next_at") == made.at("next_at"));
  CHECK(c.run({"recurring", "cancel", "weekly"}).exit_code == 0);
  CHECK(c.ask({"recurring"}).empty());
  CHECK(c.run({"recurring", "cancel", "weekly"}).exit_code == 2);
}

TEST_CASE("explain: the rule, who holds what until when, and when it will start") {
  cluster c;
  c.start_head({"--cpus", "2"});
  auto const first = c.submit({"--cpu", "2", "--timeout", "10m", "--", "sleep", "600"});
  REQUIRE(c.wait_status(first, "running"));
  auto const second = c.submit({"--cpu", "1", "--timeout", "10m", "--", "true"});
  auto const why = c.ask({"explain", std::to_string(second)});
  CHECK(why.at("job") == second);
  CHECK(why.at("status") == "queued");
  CHECK(why.at("rule") == "busy");
  REQUIRE(why.at("holders").size() == 1);
  CHECK(why.at("holders").at(0).at("job") == first);
  CHECK(why.at("holders").at(0).at("until") == why.at("expected_start"));
  REQUIRE(why.at("nodes").size() == 1);
  CHECK(why.at("nodes").at(0).at("rule") == "busy");
  auto const text = c.run({"explain", std::to_string(second)}).out;
  CHECK(text.find("it starts at ") != std::string::npos);
  CHECK(text.find("job " + std::to_string(first)) != std::string::npos);
  CHECK(c.ask({"explain", std::to_string(first)}).at("rule") == "none");
  CHECK(c.run({"explain", "99"}).exit_code == 2);
}
