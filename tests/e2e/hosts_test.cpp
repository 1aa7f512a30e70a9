// Stages in hosts of their own and stage libraries, through the command line.
#include <fstream>

#include <doctest/doctest.h>
#include <signal.h>
#include <sys/stat.h>

#include "tests/e2e/cluster.hpp"

using namespace nsai::tests;

namespace {

/// A copy of a test library that only its owner can write.
std::string plugin(cluster const& c, std::string const& name) {
  auto const file = c.directory() / (name + ".so");
  std::filesystem::copy_file(std::string{NSAI_PLUGINS "/"} + name + ".so", file);
  ::chmod(file.c_str(), 0755);
  return file;
}

std::vector<std::string> config(cluster const& c, std::string const& name, json const& content) {
  auto const file = c.directory() / (name + ".json");
  std::ofstream{file} << content.dump();
  return {"--config", file.string()};
}

pid_t host_of(json const& record) {
  auto const worker = record.at("worker").get<std::string>();
  REQUIRE(worker.rfind("host-", 0) == 0);
  auto const pid = std::stoi(worker.substr(5));
  REQUIRE(pid > 0);
  return pid;
}

}  // namespace

TEST_CASE(
    "the config moves a stage into a host: a tenant's jobs share a warm one, tenants never do") {
  cluster c;
  auto& head = c.start_head(config(c, "hosts", {{"stage_backends", {{"echo", "stage_host"}}}}));
  auto const run = [&](std::string const& tenant) {
    auto const records =
        c.ask({"--tenant", tenant, "submit", "--stage", "echo", "--set", "text=x", "--wait"});
    CHECK(records.at(0).at("status") == "succeeded");
    CHECK(records.at(0).at("backend") == "stage_host");
    return host_of(records.at(0));
  };
  auto const a = run("a");
  auto const b = run("b");
  CHECK(a != b);
  CHECK(run("a") == a);
  CHECK(::kill(a, SIGKILL) == 0);
  CHECK(run("a") != a);
  auto const last = run("a");
  head.kill_hard();
  for (auto const pid : {b, last})
    CHECK(eventually([&] { return ::kill(pid, 0) != 0; }));
}

TEST_CASE("a thousand jobs through a host, a crash among them: only it fails, with its signal") {
  cluster c;
  c.start_head(config(c, "hosts", {{"stage_backends", {{"echo", "stage_host"}}}}));
  auto const array = c.submit({"--stage", "echo", "--array", "0-999"});
  auto const crash = c.submit({"--stage", "crash", "--set", "signal=SIGFPE", "--max-retries", "0"});
  CHECK(c.wait_status(array, "succeeded", std::chrono::seconds{60}));
  REQUIRE(c.wait_status(crash, "failed"));
  auto const record = c.job(crash);
  CHECK(record.at("error").at("code") == "signal");
  CHECK(record.at("error").at("signal") == "SIGFPE");
  CHECK(record.at("attempts").size() == 1);
}

TEST_CASE("a stage library: its stages are described, checked at submission, and run in hosts") {
  cluster c;
  c.start_head(config(c, "hosts", {{"stage_plugins", {plugin(c, "good")}}}));
  auto const records = c.ask({"submit", "--stage", "double", "--set", "number=21", "--wait"});
  CHECK(records.at(0).at("result").at("number") == 42);
  auto const log = c.run({"logs", records.at(0).at("id").dump()});
  CHECK(log.out == "doubling\n");
  CHECK(c.run({"submit", "--stage", "double", "--set", "number=x"}).exit_code == 2);
  CHECK(c.ask({"stages", "double"}).at(0).at("backend") == "stage_host");
}

TEST_CASE(
    "a stage library that crashes its process: the node runs on, and says why it has no such "
    "stage") {
  cluster c;
  auto const broken = plugin(c, "crashes");
  auto const writable = plugin(c, "good");
  ::chmod(writable.c_str(), 0666);
  c.start_head(
      config(c, "hosts",
             {{"stage_plugins", {json{{"library", broken}, {"stages", {"fancy"}}}, writable}}}));
  auto const nodes = c.ask({"nodes"});
  auto const& faults = nodes.at(0).at("plugin_faults");
  REQUIRE(faults.size() == 2);
  CHECK(faults.at(0).at("library") == broken);
  CHECK(faults.at(0).at("stages").at(0) == "fancy");
  CHECK(faults.at(0).at("reason").get<std::string>().find("SIGSEGV") != std::string::npos);
  CHECK(faults.at(1).at("reason").get<std::string>().find("written") != std::string::npos);
  CHECK(c.ask({"stages", "fancy"}).at(0).at("unavailable").contains("head"));
  CHECK(c.run({"nodes"}).out.find("SIGSEGV") != std::string::npos);
  CHECK(c.run({"stages"}).out.find("fancy: unavailable on head") != std::string::npos);
  auto const refused = c.run({"submit", "--stage", "fancy"});
  CHECK(refused.exit_code == 2);
  CHECK(refused.err.find("SIGSEGV") != std::string::npos);
  CHECK(c.ask({"submit", "--stage", "echo", "--set", "text=x", "--wait"}).at(0).at("status") ==
        "succeeded");
}

TEST_CASE("jobs for a library's stages go to nodes that have it") {
  cluster c;
  c.start_head({"--cpus", "2"});
  c.start_node("with", config(c, "hosts", {{"cpus", 1}, {"stage_plugins", {plugin(c, "good")}}}));
  for (int i = 0; i < 3; ++i)
    CHECK(c.ask({"submit", "--stage", "double", "--wait"}).at(0).at("node") == "with");
}

TEST_CASE("check: what the config says about stages is looked at before a node starts") {
  cluster c;
  auto const fault = [&](json const& content) {
    auto const result = c.run({"check", config(c, "checked", content).at(1)});
    CHECK(result.exit_code == 2);
    return result.err;
  };
  CHECK(fault({{"stage_backends", {{"crash", "in_process"}}}}).find("stage_backends.crash") !=
        std::string::npos);
  CHECK(fault({{"stage_backends", {{"ecko", "stage_host"}}}}).find("did you mean that") !=
        std::string::npos);
  CHECK(fault({{"stage_backends", {{"echo", "moon"}}}}).find("in_process, stage_host") !=
        std::string::npos);
  CHECK(fault({{"stage_plugins", {"relative.so"}}}).find("absolute") != std::string::npos);
  CHECK(c.run({"check", config(c, "sound",
                               {{"stage_backends", {{"echo", "stage_host"}}},
                                {"stage_plugins", {"/opt/stages.so"}}})
                            .at(1)})
            .exit_code == 0);
}

TEST_CASE("cancel of a stage that does not heed it: its host is gone after the grace (P6)") {
  cluster c;
  c.start_head(config(c, "hosts", {{"stage_plugins", {plugin(c, "stubborn")}}}));
  auto const job = c.submit({"--stage", "stubborn", "--grace", "200ms"});
  REQUIRE(eventually([&] { return c.run({"logs", std::to_string(job)}).out == "began\n"; }));
  c.run({"cancel", std::to_string(job)});
  CHECK(c.wait_status(job, "canceled"));
}
