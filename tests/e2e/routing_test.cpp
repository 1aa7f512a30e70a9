// Three nodes: where jobs go, and why they wait.
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
