// Handlers in a process of their own.
#include <fstream>
#include <future>

#include <doctest/doctest.h>
#include <signal.h>

#include "tests/e2e/cluster.hpp"

using namespace nsai::tests;

#ifdef NSAI_MONITORING

namespace {

struct monitored_cluster : cluster {
  std::vector<std::string> monitoring(std::vector<std::string> more) const {
    std::vector<std::string> words{NSAI_MONITORING, address(),
                                   (directory() / "head" / "secret").string()};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }
  json detachments() const { return ask({"events", "--name", "work.telemetry.*"}); }
  void echo() const { ask({"submit", "--stage", "echo", "--set", "text=x", "--wait"}); }
};

/// One that runs beside the test, its output in a file.
class monitor {
 public:
  monitor(monitored_cluster const& c, std::string const& name, std::vector<std::string> more)
      : out_(c.directory() / name),
        process_(in_shell(c.monitoring(std::move(more))), c.directory() / (name + ".log"), {}) {}
  bool wait_attached() const {
    return eventually([this] {
      std::ifstream in{out_};
      for (std::string line; std::getline(in, line);)
        if (line == "attached as monitoring")
          return true;
      return false;
    });
  }
  node_process& process() { return process_; }

 private:
  std::vector<std::string> in_shell(std::vector<std::string> words) const {
    words.insert(words.begin(), {"sh", "-c", "exec \"$0\" \"$@\" > " + out_.string()});
    return words;
  }
  std::filesystem::path out_;
  node_process process_;
};

}  // namespace

TEST_CASE_FIXTURE(monitored_cluster,
                  "a program attaches a handler from its own process, and is told under the "
                  "Crucible names") {
  start_head();
  auto told = std::async(std::launch::async, [&] {
    return run_program(monitoring({"6"}), {}, std::chrono::seconds{60});
  });
  CHECK(eventually(
      [&] {
        echo();
        return told.wait_for(std::chrono::seconds{0}) == std::future_status::ready;
      },
      std::chrono::seconds{60}));
  auto const result = told.get();
  CHECK_MESSAGE(result.exit_code == 0, result.err);
  for (char const* name : {"\"uptime_s\"", "running jobs: 0", "jobs of the proposer: 0",
                           "attached as monitoring", " crucible.experiment.submitted job ",
                           " crucible.stage.started job ", " crucible.stage.completed job "})
    CHECK_MESSAGE(result.out.find(name) != std::string::npos, name << " in " << result.out);
  CHECK(result.out.find("work.job") == std::string::npos);
  CHECK(detachments().empty());
}

TEST_CASE_FIXTURE(monitored_cluster,
                  "a handler's name is taken while its process lives, and free, with an event, "
                  "when it was killed") {
  start_head();
  monitor first{*this, "first", {"0"}};
  REQUIRE(first.wait_attached());
  auto const second = run_program(monitoring({"0"}), {}, std::chrono::seconds{30});
  CHECK(second.exit_code == 1);
  CHECK(second.err.find("the name is taken") != std::string::npos);
  first.process().kill_hard();
  CHECK(eventually([&] { return detachments().size() == 1; }));
  auto const report = detachments().at(0);
  CHECK(report.at("name") == "work.telemetry.handler_detached");
  CHECK(report.at("detail").get<std::string>().find("monitoring: ") == 0);
  monitor third{*this, "third", {"0"}};
  CHECK(third.wait_attached());
}

TEST_CASE_FIXTURE(
    monitored_cluster,
    "a handler's process that stands still costs the jobs nothing and goes on later") {
  start_head();
  monitor slow{*this, "slow", {"9000", "work.job.completed"}};
  REQUIRE(slow.wait_attached());
  slow.process().signal(SIGSTOP);
  // More than is ever on its way to one reader.
  ask({"submit", "--stage", "echo", "--set", "text=x", "--array", "0-9999", "--wait"});
  slow.process().signal(SIGCONT);
  CHECK(slow.process().wait_end(std::chrono::seconds{60}) == 0);
}

#endif
