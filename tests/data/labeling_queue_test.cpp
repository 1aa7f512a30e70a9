#include "stages/data/labeling_queue.hpp"

#include <algorithm>
#include <sstream>

#include <doctest/doctest.h>

#include "stages/whole_file.hpp"
#include "tests/data/run.hpp"

using namespace nsai;
using namespace nsai::stages;
using tests::run;

namespace {

context cns_outputs() {
  context ctx;
  ctx.experiment["id"] = "exp 1/x";
  ctx.outputs["snos"] = {{{"id", "s1"}, {"claim", "a"}, {"confidence", 0.9}},
                         {{"id", "s2"}, {"claim", "b"}, {"confidence", 0.2}}};
  ctx.outputs["flags"] = {
      {{"id", "f1"},
       {"severity", "low"},
       {"kind", "polarity"},
       {"claims", {"s1"}},
       {"reason", "r"}},
      {{"id", "f2"}, {"severity", "high"}, {"kind", "cycle"}, {"claims", {"s2"}}, {"reason", "q"}}};
  ctx.outputs["syntheses"] = {
      {{"id", "y1"}, {"claim", "c"}, {"beta1_before", 4}, {"beta1_after", 3}, {"trust", 0.5}},
      {{"id", "y2"}, {"claim", "d"}, {"beta1_before", 2}, {"beta1_after", 0}, {"trust", 0.8}},
      {{"id", "y3"}, {"claim", "e"}, {"beta1_before", 0}, {"beta1_after", 0}}};
  return ctx;
}

std::vector<json> lines(std::filesystem::path const& file) {
  std::vector<json> list;
  std::istringstream in{tests::text_of(file)};
  for (std::string line; std::getline(in, line);)
    list.push_back(json::parse(line));
  return list;
}

std::string order(json options) {
  tests::folder where;
  options["directory"] = where.path.string();
  auto const done = run("labeling_queue", options, cns_outputs());
  REQUIRE(done.result == attempt_result::succeeded);
  std::string ids;
  for (auto const& item : lines(done.value.value().at("path").get<std::string>()))
    ids += (ids.empty() ? "" : " ") + item.at("id").get<std::string>();
  return ids;
}

}  // namespace

TEST_CASE("each strategy puts its own first, equal ones as they came, unknown ones last") {
  CHECK(order({{"strategy", "high_severity_first"}}) == "f2 f1 s1 s2 y1 y2 y3");
  CHECK(order({{"strategy", "low_confidence_first"}}) == "s2 y1 y2 s1 f1 f2 y3");
  // Reductions: y1 (4 − 3) / 4 = 0.25, y2 1, y3 0.
  CHECK(order({{"strategy", "high_beta1_reduction_first"}}) == "y2 y1 y3 s1 s2 f1 f2");
  CHECK(order({{"strategy", "high_beta1_reduction_first"}, {"limit", 2}}) == "y2 y1");
}

TEST_CASE("random is a permutation by seed") {
  auto const one = order({{"strategy", "random"}, {"seed", 1}});
  CHECK(one == order({{"strategy", "random"}, {"seed", 1}}));
  bool differs = false;
  for (int seed = 2; seed < 8; ++seed)
    differs = differs || order({{"strategy", "random"}, {"seed", seed}}) != one;
  CHECK(differs);
  std::istringstream in{one};
  std::vector<std::string> ids{std::istream_iterator<std::string>{in}, {}};
  std::sort(ids.begin(), ids.end());
  CHECK(ids == std::vector<std::string>{"f1", "f2", "s1", "s2", "y1", "y2", "y3"});
}

TEST_CASE("an item says where it stands and carries what it came from") {
  tests::folder where;
  stage_env env;
  env.artifacts = where.path / "artifacts";
  env.job = 12;
  auto const done = run("labeling_queue", {{"queue", "review"}}, cns_outputs(), env);
  REQUIRE(done.result == attempt_result::succeeded);
  auto const file = where.path / "artifacts" / "review-exp_1_x-12.jsonl";
  CHECK(done.value.value() == json{{"items", 7},
                                   {"written", 7},
                                   {"by_kind", {{"sno", 2}, {"flag", 2}, {"synthesis", 3}}},
                                   {"path", file.string()}});
  auto const first = lines(file).at(0);
  CHECK(first == json{{"queue", "review"},
                      {"rank", 1},
                      {"strategy", "high_severity_first"},
                      {"kind", "flag"},
                      {"id", "f2"},
                      {"text", "q"},
                      {"severity", "high"},
                      {"confidence", nullptr},
                      {"beta1_reduction", nullptr},
                      {"payload", cns_outputs().outputs.at("flags").at(1)}});
  auto const ctx = tests::after(done);
  REQUIRE(ctx.artifacts.size() == 1);
  CHECK(ctx.artifacts.at(0).at("name") == file.filename().string());
  CHECK(ctx.artifacts.at(0).at("kind") == "labeling_queue");
  CHECK(ctx.artifacts.at(0).at("path") == file.string());
  CHECK_FALSE(ctx.metrics.at("labeling_queue").contains("path"));
  // A retry of the same job puts the file in its place: nothing is there twice.
  env.attempt = 2;
  run("labeling_queue", {{"queue", "review"}, {"limit", 1}}, cns_outputs(), env);
  CHECK(lines(file).size() == 1);
  std::size_t files = 0;
  for (auto const& each : std::filesystem::directory_iterator{where.path / "artifacts"})
    files += each.is_regular_file() ? 1 : 0;
  CHECK(files == 1);
}

TEST_CASE("without outputs of other stages the claims are the items, with their predictions") {
  tests::folder where;
  auto ctx = tests::sample();
  ctx.experiment["base_dir"] = where.path.string();
  auto const done = run("labeling_queue", {{"directory", "queues"}, {"limit", 3}}, ctx);
  auto const items = lines(where.path / "queues" / "labeling.jsonl");
  REQUIRE(items.size() == 3);
  CHECK(items[0].at("kind") == "claim");
  CHECK(items[0].at("id") == "1");
  CHECK(items[0].at("payload").at("prediction").at("evidence").at("1").at("label") == "CONTRADICT");
  CHECK(done.value.value().at("items") == 40);
}

TEST_CASE("elements that are no items are told by their place") {
  tests::folder where;
  auto const message = [&](json const& outputs) {
    context ctx;
    ctx.outputs = outputs;
    auto const done = run("labeling_queue", {{"directory", where.path.string()}}, ctx);
    REQUIRE(done.error);
    return done.error->message;
  };
  CHECK(message({{"flags", {{{"id", 1}, {"severity", "huge"}}}}})
            .starts_with("outputs.flags[0].severity: "));
  CHECK(message({{"snos", {{{"id", 1}, {"confidence", "x"}}}}})
            .starts_with("outputs.snos[0].confidence: "));
  CHECK(message({{"snos", {5}}}).starts_with("outputs.snos[0]: "));
  CHECK(message({{"syntheses", 5}}).starts_with("outputs.syntheses: "));
}

TEST_CASE("a file that cannot be written is told, and nothing is left beside it") {
  tests::folder where;
  std::filesystem::create_directories(where.path / "taken.jsonl");
  CHECK_THROWS_AS(write_whole_file(where.path / "taken.jsonl", "x"), std::runtime_error);
  std::size_t files = 0;
  for (auto const& each : std::filesystem::directory_iterator{where.path})
    files += each.is_regular_file() ? 1 : 0;
  CHECK(files == 0);
  write_whole_file(where.path / "new" / "a", "first");
  write_whole_file(where.path / "new" / "a", "second");
  CHECK(tests::text_of(where.path / "new" / "a") == "second");
}
