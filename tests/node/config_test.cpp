#include "node/config.hpp"

#include <doctest/doctest.h>

using namespace nsai;
using namespace nsai::node;

TEST_CASE("config: every fault is told at once, each with its path") {
  node_config config;
  auto const faults = read_config(
      json::parse(R"({"nam": "x", "cpus": "two", "labels": {"a": 1}, "tenants": {}})"), config);
  REQUIRE(faults.size() == 4);
  CHECK(faults[0].field == "cpus");
  CHECK(faults[1].field == "labels.a");
  CHECK(faults[2].message.find("name (did you mean that?)") != std::string::npos);
  CHECK(faults[3].code == "unsupported");
}

TEST_CASE("config: values outside their bounds are refused") {
  node_config config;
  auto const faults = read_config(
      json::parse(
          R"({"lease_ms": 60, "heartbeat_ms": 50, "virtual_gpus": [{"model": "", "memory_mb": 0}]})"),
      config);
  REQUIRE(faults.size() == 3);
  CHECK(faults[0].field == "lease_ms");
  CHECK(faults[1].field == "virtual_gpus[0].model");
  CHECK(faults[2].field == "virtual_gpus[0].memory_mb");
}

TEST_CASE("config: maintenance windows have a beginning, and an end after it") {
  node_config config;
  auto const faults = read_config(
      json::parse(
          R"({"maintenance": [{"from": "2026-03-01T08:00:00Z", "until": "2026-03-01T12:00:00Z"},
                              {"from": "2026-03-01T08:00:00Z"},
                              {"from": "2026-03-02T08:00:00Z", "until": "2026-03-01T12:00:00Z"}]})"),
      config);
  REQUIRE(faults.size() == 2);
  CHECK(faults[0].field == "maintenance[1].until");
  CHECK(faults[1].field == "maintenance[2].until");
  CHECK(read_config(json::parse(R"({"maintenance": [{"from": "soon"}]})"), config).at(0).field ==
        "maintenance[0].from");
}

TEST_CASE("config: a sound one keeps what it says, and defaults for the rest") {
  node_config config;
  CHECK(
      read_config(json::parse(R"({"name": "a", "cpus": 2.5, "launchers": {"box": ["env", "-i"]}})"),
                  config)
          .empty());
  CHECK(config.cpus->value == 2500);
  CHECK(config.launchers.at("box").size() == 2);
  CHECK(config.lease_ms == 5000);
}
