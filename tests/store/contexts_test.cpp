// How contexts flow from job to job.
#include <doctest/doctest.h>

#include "tests/store/fixture.hpp"

using namespace nsai;
using namespace nsai::store;
using namespace nsai::store::tests;

namespace {

/// An experiment, job 1, whose stages are jobs 2, 3, ... named s0, s1, ...
struct experiment {
  explicit experiment(std::vector<std::vector<std::uint32_t>> const& after) : s(options_at(f)) {
    auto parent = fresh(1);
    parent.record.kind = job_kind::composite;
    parent.record.context.text = R"({"metrics":{"base":0}})";
    parent.children = after.size();
    std::vector<change> all{parent};
    for (std::uint32_t i = 0; i < after.size(); ++i) {
      auto child = fresh(2 + i);
      child.record.parent_id = job_id{1};
      child.record.name = "s" + std::to_string(i);
      child.position = i;
      child.after = after[i];
      all.push_back(child);
    }
    s.commit(all);
  }

  json start(std::uint32_t stage) {
    auto g = grant(2 + stage, 1);
    g.want_payload = true;
    return json::parse(s.commit({g}).at(0).context.text);
  }

  /// The stage adds or changes one metric in what it started with; without a name it leaves no
  /// context.
  void run(std::uint32_t stage, std::string const& metric = {}, json const& value = {}) {
    auto context = start(stage);
    auto over = end(2 + stage);
    if (!metric.empty()) {
      context["metrics"][metric] = value;
      over.context = json_text::of(context);
    }
    s.commit({over});
  }

  json finish(std::vector<job_id> leaves) {
    auto whole = end(1);
    whole.context_from = std::move(leaves);
    s.commit({whole});
    return json::parse(s.find({1})->result.text);
  }

  folder f;
  job_store s;
};

std::vector<std::vector<std::uint32_t>> const one_stage(1);

}  // namespace

TEST_CASE("contexts flow from stage to stage, with the names of the stages that are complete") {
  experiment e({{}, {0}, {1}});
  CHECK(e.start(0) == json::parse(R"({"metrics": {"base": 0}})"));
  auto first = end(2);
  first.context.text = R"({"metrics":{"base":0,"a":1}})";
  e.s.commit({first});
  CHECK(e.start(1) ==
        json::parse(R"({"metrics": {"base": 0, "a": 1}, "completed_stages": ["s0"]})"));
  e.s.commit({end(3)});  // leaves a result only: passes on what it got
  CHECK(e.start(2) == json::parse(
                          R"({"metrics": {"base": 0, "a": 1}, "completed_stages": ["s0", "s1"],
                "outputs": {"s1": {"answer": 42}}})"));
  auto last = end(4);
  last.context.text = R"({"metrics":{"c":3}})";
  e.s.commit({last});
  CHECK(e.finish({{4}}) == json::parse(R"({"metrics": {"c": 3}, "completed_stages": ["s2"]})"));
}

TEST_CASE("a join takes what each branch has changed since they parted, not what it left alone") {
  experiment e({{}, {0}, {0}, {1, 2}});
  e.run(0, "x", 1);
  e.run(1, "x", 2);
  e.run(2, "y", 5);  // still has x at 1
  auto const joined = e.start(3);
  CHECK(joined.at("metrics") == json::parse(R"({"base": 0, "x": 2, "y": 5})"));
  CHECK_FALSE(joined.contains("assigns"));
  CHECK(joined.at("completed_stages") == json::parse(R"(["s0", "s1", "s2"])"));
}

TEST_CASE("branches that disagree: the later one in the pipeline wins, and the conflict is told") {
  experiment e({{}, {0}, {0}, {1, 2}});
  e.run(0, "x", 1);
  e.run(2, "x", 3);
  e.run(1, "x", 2);
  auto const joined = e.start(3);
  CHECK(joined.at("metrics").at("x") == 3);
  CHECK(joined.at("assigns").at("conflicts") ==
        json::parse(R"([{"path": "metrics.x", "kept": 3, "dropped": 2}])"));
}

TEST_CASE("a branch of a branch and a stage named beside its own predecessor join soundly") {
  // 0 -> 1 -> 2, 0 -> 3; 4 comes after 0, 2 and 3; the run ends with 4
  experiment e({{}, {0}, {1}, {0}, {0, 2, 3}});
  e.run(0, "x", 1);
  e.run(1, "x", 2);
  e.run(2, "x", 3);
  e.run(3, "y", 9);
  e.run(4, "z", 1);
  auto const whole = e.finish({{6}});
  CHECK(whole.at("metrics") == json::parse(R"({"base": 0, "x": 3, "y": 9, "z": 1})"));
  CHECK_FALSE(whole.contains("assigns"));
}

TEST_CASE("leaves that end a run are merged as a join is") {
  experiment e({{}, {0}, {0}});
  e.run(0, "x", 1);
  e.run(1, "x", 2);
  e.run(2, "y", 5);
  CHECK(e.finish({{3}, {4}}).at("metrics") == json::parse(R"({"base": 0, "x": 2, "y": 5})"));
}

TEST_CASE("a stage that was taken over has the result and the context of the other one") {
  experiment e(one_stage);
  auto of = fresh(9);
  auto over = end(9);
  over.context.text = R"({"metrics":{"kept":7}})";
  e.s.commit({of});
  e.s.commit({over});
  auto taken = end(2);
  taken.result = {};
  taken.result_of = {9};
  e.s.commit({taken});
  CHECK(e.s.find({2})->result.text == R"({"answer":42})");
  CHECK(e.finish({{2}}).at("metrics") == json::parse(R"({"kept": 7})"));
}

TEST_CASE("what a job depends on by number reaches its context, by name or by number") {
  folder f;
  job_store s{options_at(f)};
  auto const outcome = [](std::uint64_t id, job_status status, std::string result,
                          std::string context) {
    auto over = end(id, status);
    over.result.text = std::move(result);
    over.context.text = std::move(context);
    return over;
  };
  auto first = fresh(1);
  first.record.name = "train";
  auto last = fresh(4);
  last.record.context.text = R"({"inputs":{"mine":1}})";
  last.record.constraints.depends_on = {{1}, {2}, {99}};
  last.record.constraints.after_any = {{3}, {1}};
  auto of_parent = fresh(5);
  of_parent.children = 1;
  of_parent.record.constraints.depends_on = {{2}};
  auto step = fresh(6);
  step.record.parent_id = job_id{5};
  s.commit({first, fresh(2), fresh(3), last, of_parent, step});
  s.commit({outcome(1, job_status::succeeded, "[1]", R"({"metrics":{"loss":2}})"),
            outcome(2, job_status::succeeded, "2", ""), outcome(3, job_status::failed, "", "")});
  auto wanting = grant(4, 1);
  wanting.want_payload = true;
  auto wanting_step = grant(6, 1);
  wanting_step.want_payload = true;
  auto const payloads = s.commit({wanting, wanting_step});
  CHECK(json::parse(payloads.at(0).context.text) ==
        json::parse(R"({"inputs": {"mine": 1, "dependencies": {
            "2": {"job": 2, "status": "succeeded"}, "3": {"job": 3, "status": "failed"},
            "train": {"job": 1, "status": "succeeded"}}},
          "metrics": {"loss": 2}, "outputs": {"2": 2, "train": [1]}})"));
  CHECK(payloads.at(1).context.text.find(R"("outputs":{"2":2})") != std::string::npos);
  s.commit({end(4, job_status::failed)});
  CHECK(s.as_submission({4})->context == payloads.at(0).context);
}

TEST_CASE("artifacts of a record: those of its context, of an experiment those of its result") {
  experiment e(one_stage);
  CHECK(e.s.find({2})->artifacts.empty());
  auto over = end(2);
  over.context.text = R"({"artifacts":[{"name":"report.md"}]})";
  e.s.commit({over});
  CHECK(e.s.find({2})->artifacts.text == R"([{"name":"report.md"}])");
  e.finish({{2}});
  CHECK(e.s.find({1})->artifacts.text == R"([{"name":"report.md"}])");
  CHECK(e.s.find({1}, false)->artifacts.empty());
}
