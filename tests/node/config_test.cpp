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

TEST_CASE("config: a policy of placement is one of those that there are") {
  node_config config;
  auto const faults =
      read_config(json::parse(R"({"placement": "tightest", "price_per_hour_usd": -2.5})"), config);
  REQUIRE(faults.size() == 2);
  CHECK(faults[0].message ==
        "placement: \"tightest\" is not allowed; expected one of balanced, fgd, best_fit, packing, "
        "spread, cheapest, random");
  CHECK(faults[1].field == "price_per_hour_usd");
  node_config sound;
  CHECK(read_config(json::parse(R"({"placement": "cheapest"})"), sound).empty());
  CHECK(sound.placement == "cheapest");
  auto const wrong_type = read_config(json::parse(R"({"placement": 3})"), sound);
  REQUIRE(wrong_type.size() == 1);
  CHECK(wrong_type[0].field == "placement");
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
