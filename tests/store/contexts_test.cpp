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

TEST_CASE("contexts of any shape are carried on: one job's oddity never stops the store (P1)") {
  for (auto const* odd : {R"({"outputs":[]})", R"({"outputs":"x","completed_stages":{}})", "[1]",
                          "null", R"({"assigns":5,"metrics":null})"}) {
    CAPTURE(odd);
    experiment e({{}, {}, {0, 1}, {2}});
    for (std::uint64_t child : {2, 3}) {
      auto over = end(child);
      over.context.text = odd;
      e.s.commit({over});
    }
    e.s.commit({end(4)});  // a result only
    CHECK(e.start(3).at("outputs").at("s2") == json{{"answer", 42}});
    e.s.commit({end(5)});
    CHECK(e.finish({{5}}).is_object());
    CHECK_NOTHROW(e.s.find({1}));
  }
}

TEST_CASE("results that nest as deep as one may are passed on, and read again") {
  experiment e({{}, {0}, {1}});
  auto deep = end(2);
  deep.result.text = std::string(255, '[') + std::string(255, ']');
  e.s.commit({deep});
  e.s.commit({end(3), end(4)});
  CHECK(e.finish({{4}}).at("outputs").contains("s0"));
}

TEST_CASE("a large result stays in its job's record; the context says where") {
  experiment e({{}, {0}});
  auto large = end(2);
  large.result = json_text::of(std::string(300'000, 'x'));
  e.s.commit({large});
  CHECK(e.start(1).at("outputs").at("s0") == json{{"job", 2}, {"bytes", 300'002}});
}

TEST_CASE(
    "a thousand steps in a row, each but the last without a context, and as many side by side") {
  std::vector<std::vector<std::uint32_t>> row(1000);
  for (std::uint32_t i = 1; i < row.size(); ++i)
    row[i] = {i - 1};
  experiment long_one(row);
  std::vector<change> ends;
  for (std::uint64_t i = 0; i + 1 < row.size(); ++i)
    ends.emplace_back(end(2 + i));
  long_one.s.commit(ends);
  CHECK(long_one.start(999).at("completed_stages").size() == 999);

  experiment wide_one(std::vector<std::vector<std::uint32_t>>(1000));
  ends.clear();
  std::vector<job_id> leaves;
  for (std::uint64_t i = 0; i < 1000; ++i) {
    auto over = end(2 + i);
    over.context = json_text::of({{"metrics", {{"m" + std::to_string(i), i}}}});
    ends.emplace_back(over);
    leaves.push_back({2 + i});
  }
  wide_one.s.commit(ends);
  CHECK(wide_one.finish(leaves).at("metrics").size() == 1000);
}

TEST_CASE("a step that was taken over belongs to its new run") {
  experiment e(one_stage);
  auto of = fresh(9);
  auto over = end(9);
  over.context.text = R"({"experiment":{"id":"old"},"metrics":{"kept":7}})";
  e.s.commit({of});
  e.s.commit({over});
  auto parent = fresh(20);
  parent.record.kind = job_kind::composite;
  parent.record.context.text = R"({"experiment":{"id":"new"}})";
  parent.children = 1;
  auto child = fresh(21);
  child.record.parent_id = job_id{20};
  child.record.name = "s0";
  e.s.commit({parent, child});
  auto taken = end(21);
  taken.result_of = {9};
  auto whole = end(20);
  whole.context_from = {{21}};
  e.s.commit({taken, whole});
  CHECK(json::parse(e.s.find({20})->result.text).at("experiment") == json{{"id", "new"}});
}

TEST_CASE("artifacts of a record: what is no list of them is none") {
  experiment e(one_stage);
  auto over = end(2);
  over.context.text = R"({"artifacts":"x"})";
  e.s.commit({over});
  CHECK(e.s.find({2})->artifacts.empty());
  auto whole = end(1);
  whole.result.text = "\xEF\xBB\xBF{}";
  e.s.commit({whole});
  CHECK(e.s.find({1})->artifacts.empty());
}
