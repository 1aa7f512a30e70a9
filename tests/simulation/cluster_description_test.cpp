#include "simulation/cluster_description.hpp"

#include "tests/simulation/support.hpp"

using namespace nsai;
using namespace nsai::simulation;
using namespace nsai::simulation::tests;

namespace {

std::string const two_kinds =
    R"({"nodes": [{"name": "a100", "count": 2, "cpus": 64, "memory_mb": 524288,
                   "gpus": [{"model": "NVIDIA A100-SXM4-80GB", "memory_mb": 81920, "count": 8}],
                   "labels": {"rack": "r1"}, "price_per_hour_usd": 12.5},
                  {"name": "cpu", "cpus": 16.5}],
        "tenants": {"lab": {"weight": 2, "quota": {"gpus": 8}}}})";

std::string first_fault(std::string const& text) {
  cluster_description cluster;
  auto const faults = read_cluster(json::parse(text), cluster);
  return faults.empty() ? "" : faults[0].message;
}

}  // namespace

TEST_CASE("cluster file: classes become nodes with numbers, in order") {
  auto const nodes = nodes_of(cluster_of(two_kinds));
  REQUIRE(nodes.size() == 3);
  CHECK(nodes[0].info.name == "a100-1");
  CHECK(nodes[1].info.name == "a100-2");
  CHECK(nodes[2].info.name == "cpu");
  CHECK(nodes[1].info.gpus.size() == 8);
  CHECK(nodes[1].info.gpus[7].index == 7);
  CHECK(nodes[1].info.labels.at("rack") == "r1");
  CHECK(nodes[1].info.price_per_hour_usd.value == 12'500'000);
  CHECK(nodes[2].info.cpus.value == 16'500);
}

TEST_CASE("cluster file: in a simulation every tenant may use every priority") {
  auto const cluster = cluster_of(two_kinds);
  CHECK(cluster.tenants.at("lab").max_priority == priority::realtime);
  CHECK(cluster.tenants.at("*").max_priority == priority::realtime);
  CHECK(cluster.tenants.at("lab").weight.value == 2000);
}

TEST_CASE("cluster file: what is wrong is named by its path") {
  struct wrong {
    char const* text;
    char const* message;
  };
  for (auto const& [text, message] : std::vector<wrong>{
           {R"([])", "cluster: "},
           {R"({})", "nodes: 0 nodes are not allowed; expected 1 to"},
           {R"({"nodes": [{"name": "a", "cpus": 1}], "tennants": {}})", "tenants (did you mean"},
           {R"({"nodes": [{"name": "a", "cpu": 1}]})", "nodes[0].cpu: this field is not known"},
           {R"({"nodes": [{"name": "a"}]})", "nodes[0].cpus: 0 is not allowed"},
           {R"({"nodes": [{"name": "a", "cpus": -1}]})", "nodes[0].cpus: -1 is not allowed"},
           {R"({"nodes": [{"name": "a b", "cpus": 1}]})", "nodes[0].name: \"a b\""},
           {R"({"nodes": [{"cpus": 1}]})", "nodes[0].name: \"\""},
           {R"({"nodes": [{"name": "a", "cpus": 1, "count": -2}]})", "nodes[0].count: -2"},
           {R"({"nodes": [{"name": "a", "cpus": 1, "memory_mb": -1}]})", "nodes[0].memory_mb: -1"},
           {R"({"nodes": [{"name": "a", "cpus": 1, "gpus": [{"count": 1}]}]})",
            "nodes[0].gpus[0].model: nothing was given"},
           {R"({"nodes": [{"name": "a", "cpus": 1, "gpus": [{"model": "T4", "count": 0}]}]})",
            "nodes[0].gpus[0].count: 0"},
           {R"({"nodes": [{"name": "a", "cpus": 1, "price_per_hour_usd": -1}]})",
            "nodes[0].price_per_hour_usd: -1"},
           {R"({"nodes": [{"name": "a", "cpus": 1}, {"name": "a", "cpus": 1}]})",
            "nodes[1].name: \"a\" is the name of another node"},
           {R"({"nodes": [{"name": "a", "cpus": 1, "count": 2}, {"name": "a-2", "cpus": 1}]})",
            "nodes[1].name: \"a-2\" is the name"},
           {R"({"nodes": [{"name": "a", "cpus": 1}], "tenants": {"x": {"wieght": 1}}})",
            "tenants.x.wieght: this field is not known; expected weight (did you mean"},
           {R"({"nodes": [{"name": "a", "cpus": 1}], "tenants": {"x": {"weight": 0}}})",
            "tenants.x.weight: 0 is not allowed"},
           {R"({"nodes": [{"name": "a", "cpus": 1}], "tenants": {"x y": {}}})", "tenants.x y: "},
           {R"({"nodes": [{"name": "a", "cpus": 1}], "tenants": []})", "tenants: "}}) {
    std::string const given = text;
    CAPTURE(given);
    auto const fault = first_fault(text);
    CAPTURE(fault);
    CHECK(fault.find(message) != std::string::npos);
  }
}

TEST_CASE("cluster file: more nodes of a class, by its name or by the model of its GPUs") {
  auto cluster = cluster_of(two_kinds);
  CHECK(add_nodes(cluster, "cpu:4").count == 5);
  CHECK(add_nodes(cluster, "A100:1").name == "a100");
  CHECK(nodes_of(cluster).size() == 8);
  for (auto const* const bad :
       {"", "a100", "a100:", ":4", "a100:0", "a100:-1", "a100:x", "a100:4x", "a100:999999999999"})
    CHECK_THROWS_AS(add_nodes(cluster, bad), shape_error);
  CHECK_THROWS_WITH(add_nodes(cluster, "a10:1"),
                    "add: no nodes are called \"a10\"; expected a100 (did you mean that?)");
  auto several = cluster_of(
      R"({"nodes": [{"name": "x", "cpus": 1, "gpus": [{"model": "T4"}]},
                    {"name": "y", "cpus": 1, "gpus": [{"model": "Tesla T4"}]}]})");
  CHECK_THROWS_WITH(add_nodes(several, "T4:1"),
                    "add: several kinds of nodes have GPUs called T4; expected one of x, y");
}
