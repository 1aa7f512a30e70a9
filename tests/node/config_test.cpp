#include "node/config.hpp"

#include <doctest/doctest.h>

using namespace nsai;
using namespace nsai::node;

TEST_CASE("config: every fault is told at once, each with its path") {
  node_config config;
  auto const faults = read_config(
      json::parse(R"({"nam": "x", "cpus": "two", "labels": {"a": 1}, "store": {}})"), config);
  REQUIRE(faults.size() == 4);
  CHECK(faults[0].field == "cpus");
  CHECK(faults[1].field == "labels.a");
  CHECK(faults[2].message.find("name (did you mean that?)") != std::string::npos);
  CHECK(faults[3].code == "unsupported");
}

TEST_CASE(
    "config: tenants have a weight above 0 and a known priority; what is not there yet is said") {
  node_config config;
  auto const faults =
      read_config(json::parse(R"({"tenants": {"a b": {}, "c": {"weight": -1}, "d": {"weight": 0},
                                  "e": {"max_cost_usd": 4}, "*": {"weight": 0.5}}})"),
                  config);
  REQUIRE(faults.size() == 1);  // values are looked at when every key is known
  CHECK(faults[0].field == "tenants.e.max_cost_usd");
  CHECK(faults[0].code == "unsupported");
  node_config others;
  auto const more =
      read_config(json::parse(R"({"tenants": {"a b": {}, "c": {"weight": -1}}})"), others);
  REQUIRE(more.size() == 2);
  CHECK(more[0].field == "tenants.a b");
  CHECK(more[1].field == "tenants.c.weight");
  CHECK(more[1].message.find("-1 is not allowed; expected above 0") != std::string::npos);
  auto const words = read_config(
      json::parse(R"({"tenants": {"a": {"max_priority": "urgent"}, "b": {"wieght": 2}}})"), others);
  REQUIRE(words.size() == 1);
  auto const bounds = read_config(
      json::parse(R"({"tenants": {"a": {"quota": {"running": -1, "gpus": 4.5, "cpu": -0.5}}}})"),
      others);
  REQUIRE(bounds.size() == 2);
  CHECK(bounds[0].field == "tenants.a.quota.running");
  CHECK(bounds[1].field == "tenants.a.quota.cpu");
  node_config sound;
  CHECK(read_config(
            json::parse(R"({"tenants": {"lab": {"weight": 2.5, "max_priority": "realtime"}}})"),
            sound)
            .empty());
  CHECK(sound.tenants.at("lab").weight.value == 2500);
  CHECK(sound.tenants.at("lab").max_priority == priority::realtime);
}

TEST_CASE("config: the rate of a tenant's submissions has bounds") {
  node_config config;
  auto const faults = read_config(
      json::parse(R"({"tenants": {"a": {"submit_rate": {}}, "b": {"submit_rate": {"jobs": 5,
                      "per_ms": 0, "burst": 0}}}})"),
      config);
  REQUIRE(faults.size() == 3);
  CHECK(faults[0].message ==
        "tenants.a.submit_rate.jobs: 0 is not allowed; expected 1 to 1000000000");
  CHECK(faults[1].field == "tenants.b.submit_rate.per_ms");
  CHECK(faults[2].field == "tenants.b.submit_rate.burst");
  node_config sound;
  CHECK(read_config(json::parse(R"({"tenants": {"*": {"submit_rate": {"jobs": 5}}}})"), sound)
            .empty());
  CHECK(sound.tenants.at("*").submit_rate->at_once() == 5);
}

TEST_CASE("config: a quota of a model has the pattern of one, and is not negative") {
  node_config config;
  auto const faults = read_config(
      json::parse(R"({"tenants": {"a": {"quota": {"gpus_by_model": {"A100": -1, " - ": 2}}}}})"),
      config);
  REQUIRE(faults.size() == 2);
  CHECK(faults[0].field == "tenants.a.quota.gpus_by_model. - ");
  CHECK(faults[1].message ==
        "tenants.a.quota.gpus_by_model.A100: -1 is not allowed; expected 0 or more");
}

TEST_CASE("config: a budget is above 0") {
  node_config config;
  auto const faults = read_config(
      json::parse(R"({"tenants": {"a": {"budget_usd": 0}, "b": {"budget_usd": -2.5}}})"), config);
  REQUIRE(faults.size() == 2);
  CHECK(faults[0].message.starts_with("tenants.a.budget_usd: 0 is not allowed; expected above 0"));
  CHECK(faults[1].field == "tenants.b.budget_usd");
  node_config sound;
  CHECK(read_config(json::parse(R"({"tenants": {"a": {"budget_usd": 2.5}}})"), sound).empty());
  CHECK(sound.tenants.at("a").budget_usd == micro{2'500'000});
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
