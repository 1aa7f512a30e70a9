#include "stages/experiment.hpp"

#include <doctest/doctest.h>

#include "stages/stage.hpp"
#include "stages/trials.hpp"

using namespace nsai;
using namespace nsai::stages;

namespace {

std::vector<stage_description> known() {
  return {make_echo()->describe(), make_sleep()->describe()};
}

read_experiment read(char const* text) {
  return experiment_from(parse_document(text, "x.json"), "/base", known());
}

}  // namespace

TEST_CASE("experiment: stages without depends_on run in the order of the file") {
  auto const e = read(R"({"id": "e1", "name": "n", "type": "proposer", // a comment
    "pipeline": [{"name": "a", "stage": "echo"}, {"name": "off", "stage": "echo", "enabled": false},
                 {"name": "b", "stage": "sleep", "options": {"seconds": 2}}]})");
  REQUIRE(e.faults.empty());
  REQUIRE(e.request.pipeline.size() == 2);
  CHECK(e.request.pipeline[1].after == std::vector<std::uint32_t>{0});
  CHECK(e.request.name_space == "proposer");
  CHECK(e.request.context.value().at("experiment").at("base_dir") == "/base");
  CHECK(e.request.metadata.value().at("experiment_id") == "e1");
}

TEST_CASE("experiment: depends_on orders the stages, and later ones may be named first") {
  auto const e = read(R"({"pipeline": [{"name": "c", "stage": "echo", "depends_on": ["a", "b"]},
    {"name": "a", "stage": "echo", "depends_on": []}, {"name": "b", "stage": "echo", "depends_on": []}]})");
  REQUIRE(e.faults.empty());
  CHECK(e.request.pipeline[2].name == "c");
  CHECK(e.request.pipeline[2].after == std::vector<std::uint32_t>{0, 1});
}

TEST_CASE("experiment: a cycle is refused by its names") {
  auto const e = read(R"({"pipeline": [{"name": "a", "stage": "echo", "depends_on": ["b"]},
                                       {"name": "b", "stage": "echo", "depends_on": ["a"]}]})");
  REQUIRE(e.faults.size() == 1);
  CHECK(e.faults[0].message.find("a -> b -> a") != std::string::npos);
}

TEST_CASE("experiment: every fault is told with its path") {
  auto const e = read(
      R"({"nmae": "x", "pipeline": [{"stage": "echoo"}, {"stage": "echo", "options": {"txet": 1}},
    {"name": "s", "stage": "sleep", "depends_on": ["nobody"], "resources": {"cpu": -1}}]})");
  REQUIRE(e.faults.size() == 4);
  CHECK(e.faults[0].field == "nmae");
  CHECK(e.faults[1].field == "pipeline[0].stage");
  CHECK(e.faults[2].field == "pipeline[1].options.txet");
  CHECK(e.faults[3].field == "pipeline[2].resources.cpu");
}

TEST_CASE("experiment: a field that cannot be read hides no fault of the others") {
  auto const e = read(
      R"({"pipeline": [{"stage": "echo", "options": {"txet": 1}, "resources": {"cpus": 1},
                        "constraints": 5}]})");
  std::vector<std::string> fields;
  for (auto const& fault : e.faults)
    fields.push_back(fault.field.value_or(""));
  CHECK(fields == std::vector<std::string>{"pipeline[0].constraints", "pipeline[0].resources.cpus",
                                           "pipeline[0].options.txet"});
}

TEST_CASE("experiment: a program runs in the experiment's folder, or where it says") {
  std::vector<stage_description> const programs{make_command()->describe()};
  auto const e = experiment_from(parse_document(R"({"pipeline": [
        {"name": "a", "stage": "command", "options": {"argv": ["./a.py"]}},
        {"name": "b", "stage": "command", "options": {"argv": ["./b.py"], "chdir": "tools"}},
        {"name": "c", "stage": "work_job", "options": {"stage_module": "command",
          "stage_opts": {"argv": ["./c.py"], "chdir": "/elsewhere"}}}]})",
                                                "x.json"),
                                 "/base", programs);
  REQUIRE(e.faults.empty());
  auto const runs_in = [&](std::size_t i) {
    return e.request.pipeline[i].options.value().at("chdir");
  };
  CHECK(runs_in(0) == "/base");
  CHECK(runs_in(1) == "/base/tools");
  CHECK(runs_in(2) == "/elsewhere");
}

TEST_CASE("documents: faults come with line and column, also where the text ends too early") {
  for (auto const* text : {"", "{\n\"a\": ", "{\n  ?", "[1, 2"}) {
    try {
      parse_document(text, "x.json");
      FAIL("accepted: " << text);
    } catch (shape_error const& e) {
      CHECK(std::string(e.what()).rfind("x.json:", 0) == 0);
    }
  }
  try {
    parse_document("{\n  ?", "x.json");
  } catch (shape_error const& e) {
    CHECK(e.path() == "x.json:2:3");
  }
}

TEST_CASE("set: a path leads into objects, and into the pipeline by name or position") {
  auto document =
      json::parse(R"({"pipeline": [{"name": "a", "options": {}}], "dataset": "sample"})");
  set_path(document, "dataset.limit", "10");
  set_path(document, "pipeline.a.options.text", "hi");
  set_path(document, "pipeline.0.enabled", "false");
  CHECK(document ==
        json::parse(R"({"pipeline": [{"name": "a", "options": {"text": "hi"}, "enabled": false}],
                                     "dataset": {"limit": 10}})"));
  CHECK_THROWS_AS(set_path(document, "pipeline.zzz.x", "1"), shape_error);
  CHECK_THROWS_AS(set_path(document, "a..b", "1"), shape_error);
}
