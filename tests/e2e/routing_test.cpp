// Three nodes: where jobs go, and why they wait; and what the tenants of one node get.
#include <fstream>

#include <doctest/doctest.h>

#include "tests/e2e/cluster.hpp"

using namespace nsai::tests;

namespace {

struct three_nodes : cluster {
  three_nodes() {
    start_head({"--cpus", "8"});
    start_node("a100", {"--cpus", "8", "--virtual-gpu", "A100:80G:1"});
    start_node("h100", {"--cpus", "8", "--virtual-gpu", "H100:80G:2"});
  }
  std::string node_of(std::vector<std::string> words) {
    words.insert(words.begin(), {"submit", "--stage", "echo", "--wait"});
    return ask(words).at(0).value("node", "");
  }
};

}  // namespace

TEST_CASE_FIXTURE(three_nodes, "a GPU model decides the node; alternatives take either") {
  CHECK(node_of({"--gpu", "A100", "--gpu-memory", "40G"}) == "a100");
  CHECK(node_of({"--gpu", "H100"}) == "h100");
  auto const either = node_of({"--gpu", "A100|H100"});
  CHECK((either == "a100" || either == "h100"));
}

TEST_CASE_FIXTURE(three_nodes, "a model that no node has waits, and the record says why") {
  auto const job = submit({"--stage", "echo", "--gpu", "B200"});
  auto const reason = this->job(job).value("wait_reason", "");
  CHECK(this->job(job).at("status") == "queued");
  CHECK(reason.find("B200") != std::string::npos);
  auto const explained = run({"explain", std::to_string(job)});
  CHECK(explained.out.find("B200") != std::string::npos);
  CHECK(run({"await", std::to_string(job), "--timeout", "300ms"}).exit_code == 4);
}

TEST_CASE_FIXTURE(three_nodes, "two halves share a GPU, a third waits until one ends") {
  std::vector<std::string> const half{"--gpu", "A100", "--gpu-share", "0.5", "--", "sleep", "1000"};
  auto const first = submit(half);
  auto const second = submit(half);
  REQUIRE(wait_status(first, "running"));
  REQUIRE(wait_status(second, "running"));
  auto const third = submit(half);
  CHECK(job(third).at("status") == "queued");
  CHECK_FALSE(job(third).value("wait_reason", "").empty());
  CHECK(run({"cancel", std::to_string(first)}).exit_code == 0);
  CHECK(wait_status(third, "running"));
}

TEST_CASE_FIXTURE(three_nodes, "nodes shows who is there and what is used") {
  auto const nodes = ask({"nodes"});
  CHECK(nodes.size() == 3);
  for (auto const& node : nodes)
    CHECK(node.at("status") == "ready");
}

TEST_CASE("tenants hold the cluster by their weights, within their quotas, also after a restart") {
  cluster c;
  auto const file = c.directory() / "tenants.json";
  std::ofstream{file} << R"({"tenants": {
    "lab": {"weight": 3, "max_priority": "realtime"}, // comments are allowed
    "students": {"quota": {"cpu": 2, "queued": 30}}}})";
  std::vector<std::string> const words{"--cpus", "8", "--config", file};
  c.start_head(words);
  for (auto const* tenant : {"lab", "guests", "students"})
    REQUIRE(
        c.run({"--tenant", tenant, "submit", "--array", "0-19", "--", "sleep", "1000"}).exit_code ==
        0);
  auto const tenants = [&] {
    std::map<std::string, json> by_name;
    for (auto const& each : c.ask({"tenants"}))
      by_name[each.at("tenant_id")] = each;
    return by_name;
  };
  // Who came first has all of it; from then on what becomes free goes to the others.
  CHECK(tenants().at("lab").at("running") == 8);
  auto const children = c.ask({"--tenant", "lab", "jobs", "--status", "running", "--limit", "100"});
  for (auto const& job : children)
    if (job.contains("parent_id") && !job.at("parent_id").is_null())
      CHECK(
          c.run({"--tenant", "lab", "cancel", std::to_string(job.at("id").get<int>())}).exit_code ==
          0);
  auto const fair = [&] {
    auto const all = tenants();
    return all.at("lab").at("running") == 4 && all.at("guests").at("running") == 2 &&
           all.at("students").at("running") == 2;
  };
  CHECK(eventually(fair));
  auto const students = tenants().at("students");
  CHECK(students.at("share") == 0.25);
  CHECK(students.at("quota").at("cpu") == 2);
  auto const waiting =
      c.ask({"--tenant", "students", "jobs", "--status", "queued", "--limit", "1"});
  CHECK(waiting.at(0).value("wait_reason", "") ==
        "quota of tenant students: 2 of 2 cores are taken, this job needs 1");
  CHECK(c.run({"--tenant", "students", "submit", "--array", "0-19", "--", "true"}).exit_code == 5);
  CHECK(c.run({"--tenant", "guests", "submit", "--priority", "realtime", "--", "true"}).exit_code ==
        5);
  c.node("head").kill_hard();
  c.launch_head(words);
  REQUIRE(c.node("head").wait_ready());
  CHECK(eventually([&] {
    auto const students = tenants().at("students");
    return students.at("running") == 2 && students.at("queued") == 18;
  }));
}
