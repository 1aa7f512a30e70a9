// docs/schema says what the program reads and writes. Run with NSAI_UPDATE_SCHEMA=1 to write the
// files anew.
#include "messages/schema.hpp"

#include <cstdlib>
#include <fstream>

#include <doctest/doctest.h>

#include "messages/api.hpp"
#include "messages/explanation.hpp"
#include "messages/observe.hpp"
#include "messages/tenant.hpp"
#include "node/config.hpp"
#include "node/run_record.hpp"
#include "simulation/cluster_description.hpp"
#include "simulation/report.hpp"
#include "simulation/workload.hpp"
#include "stages/experiment_file.hpp"

using namespace nsai;

namespace {

json experiment_schema() {
  auto schema = schema_of<stages::experiment_file>();
  schema["properties"]["pipeline"] = {
      {"type", "array"}, {"items", schema_of<stages::stage_def>()}, {"minItems", 1}};
  return schema;
}

/// Stages may say more of their artifacts.
json artifact_schema() {
  auto schema = schema_of<node::artifact_record>();
  schema["additionalProperties"] = true;
  return schema;
}

json run_schema() {
  auto schema = schema_of<node::run_record>();
  schema["properties"]["artifacts"] = {{"type", "array"}, {"items", artifact_schema()}};
  schema["properties"]["conflicts"] = {{"type", "array"},
                                       {"items", schema_of<node::conflict_record>()}};
  return schema;
}

/// With `--add` the same run without the nodes added stands beside it.
json simulation_schema() {
  auto const alone = schema_of<simulation::report>();
  auto schema = alone;
  schema["properties"]["added"] = {{"type", "array"}, {"items", {{"type", "string"}}}};
  schema["properties"]["without"] = alone;
  return schema;
}

std::map<std::string, json> schemas() {
  return {{"job", schema_of<job_record>()},
          {"node", schema_of<node_record>()},
          {"stage", schema_of<stage_description>()},
          {"event", schema_of<nsai::event>()},
          {"stats", schema_of<stats>()},
          {"tenant", schema_of<tenant_record>()},
          {"explain", schema_of<explanation>()},
          {"error", schema_of<error_info>()},
          {"config", schema_of<node::node_config>()},
          {"experiment", experiment_schema()},
          {"run", run_schema()},
          {"comparison", schema_of<node::run_comparison>()},
          {"artifact", artifact_schema()},
          {"simulation", simulation_schema()},
          {"simulation-cluster", schema_of<simulation::cluster_description>()},
          {"simulation-workload", schema_of<simulation::workload_line>()}};
}

}  // namespace

TEST_CASE("docs/schema has the shape of every document that the program reads or writes") {
  for (auto& [name, schema] : schemas()) {
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema";
    schema["title"] = name;
    std::string const path = NSAI_SOURCE_DIR "/docs/schema/" + name + ".json";
    if (std::getenv("NSAI_UPDATE_SCHEMA") != nullptr)
      std::ofstream{path} << schema.dump(2) << '\n';
    CAPTURE(path);
    std::ifstream in{path};
    CHECK(json::parse(in, nullptr, false) == schema);
  }
}
