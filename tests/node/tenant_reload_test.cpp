#include "node/tenant_reload.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>

#include <doctest/doctest.h>
#include <unistd.h>

using namespace nsai;
using namespace nsai::node;

TEST_CASE("reload: says what has changed, value by value") {
  std::map<std::string, tenant_settings> before;
  before["gone"].weight = milli{2000};
  before["lab"].quota.gpus = milli{4000};
  auto after = before;
  after.erase("gone");
  after["lab"].quota.gpus = milli{8000};
  after["lab"].quota.gpus_by_model["A100"] = milli{2000};
  after["lab"].submit_rate = tenant_rate{5, 1000, std::nullopt};
  after["new"] = {};
  auto const lines = differences(before, after);
  auto const has = [&](char const* line) {
    return std::find(lines.begin(), lines.end(), line) != lines.end();
  };
  CHECK(has("gone: no settings any more"));
  CHECK(has("lab: quota.gpus 4 -> 8"));
  CHECK(has("lab: quota.gpus_by_model.A100 none -> 2"));
  CHECK(has("lab: submit_rate.jobs none -> 5"));
  CHECK(has("new: new settings"));
  CHECK(differences(after, after).empty());
}

TEST_CASE("reload: only a sound file is used, and only when something has changed") {
  auto const file = std::filesystem::temp_directory_path() /
                    ("nsai-reload-" + std::to_string(::getpid()) + ".json");
  auto const write = [&](char const* text) { std::ofstream{file} << text; };
  std::vector<std::map<std::string, tenant_settings>> used;
  tenant_reload reload{file, {}, [&](auto const& tenants) { used.push_back(tenants); }};
  reload();  // there is no such file
  write(R"({"tenants": {"lab": {"weight": 2}}, "nonsense": 1})");
  reload();
  write("{");
  reload();
  CHECK(used.empty());
  write(R"({"tenants": {"lab": {"weight": 2}}, "lease_ms": 9000})");
  reload();
  REQUIRE(used.size() == 1);
  CHECK(used.back().at("lab").weight == milli{2000});
  reload();
  CHECK(used.size() == 1);
  write("{}");
  reload();
  REQUIRE(used.size() == 2);
  CHECK(used.back().empty());
  std::filesystem::remove(file);
}
