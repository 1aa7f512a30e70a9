// Gangs in the store: a parent and its members.
#include <doctest/doctest.h>

#include "store/job_store.hpp"
#include "tests/store/fixture.hpp"

using namespace nsai;
using namespace nsai::store;
using namespace nsai::store::tests;

TEST_CASE("a gang: a member's result is kept until the others are done, over a restart") {
  folder f;
  auto closed = [](std::uint64_t id, attempt_result as) {
    close_attempt c;
    c.job = {id};
    c.attempt.number = 1;
    c.attempt.outcome = as;
    c.attempt.duration_ms = 7;
    return c;
  };
  {
    job_store s{options_at(f)};
    auto parent = fresh(1);
    parent.children = 2;
    insert_children const both{
        {1},
        job_kind::tool_call,
        priority::batch,
        {1000},
        {{{2}, 0, {}, job_status::queued}, {{3}, 1, {}, job_status::queued}}};
    change_job runs;
    runs.id = {1};
    runs.status = job_status::running;
    runs.attempt = 1;
    runs.started_at = {2000};
    auto kept = closed(2, attempt_result::succeeded);
    kept.keeps_result = true;
    kept.result.text = R"({"rank":0})";
    kept.backend = "command";
    s.commit({parent, both, runs, grant(2, 1), grant(3, 1), kept});
  }
  job_store s{options_at(f)};
  std::vector<unfinished_job> jobs;
  s.load_unfinished([&](unfinished_job&& job) { jobs.push_back(std::move(job)); });
  REQUIRE(jobs.size() == 3);
  CHECK(jobs[0].record.nodes == 2);
  CHECK_FALSE(jobs[0].record.rank);
  CHECK(jobs[0].record.attempt == 1);
  CHECK(jobs[0].record.started_at == timestamp{2000});
  CHECK_FALSE(jobs[0].over);
  CHECK(jobs[1].record.rank == 0);
  REQUIRE(jobs[1].over);
  CHECK(jobs[1].over->outcome == attempt_result::succeeded);
  CHECK_FALSE(jobs[2].over);
  CHECK_FALSE(s.find({3})->array_index);
  auto done = [](std::uint64_t id) {
    auto e = end(id);
    e.result.text.clear();
    e.has_kept = true;
    return e;
  };
  auto second = closed(3, attempt_result::succeeded);
  second.keeps_result = true;
  second.result.text = R"({"rank":1})";
  auto whole = end(1);
  whole.result.text.clear();
  whole.result_of = {2};
  s.commit({second, done(2), done(3), whole});
  CHECK(s.find({1})->result.text == R"({"rank":0})");
  CHECK(s.find({2})->result.text == R"({"rank":0})");
  CHECK(s.find({2})->backend == "command");
  CHECK(s.find({3})->result.text == R"({"rank":1})");
  CHECK(s.find({3})->attempts.size() == 1);
  auto const again = s.as_submission({1});
  REQUIRE(again);
  CHECK(again->nodes == 2);
  CHECK_FALSE(again->array);
}
