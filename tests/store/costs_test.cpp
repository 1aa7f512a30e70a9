// What jobs have used and cost.

#include <doctest/doctest.h>

#include "store/job_store.hpp"
#include "tests/store/fixture.hpp"

using namespace nsai;
using namespace nsai::store;
using namespace nsai::store::tests;

TEST_CASE("peaks of memory are kept with each attempt, and GPU seconds are those of all of them") {
  folder f;
  job_store s{options_at(f)};
  device_grant half;
  half.share_milli = 500;
  auto first = grant(1, 1);
  first.devices = {half};
  s.commit({fresh(1), first});
  close_attempt closed;
  closed.job = {1};
  closed.attempt.number = 1;
  closed.attempt.outcome = attempt_result::failed;
  closed.attempt.duration_ms = 4'000;
  closed.attempt.peak_memory_mb = 70;
  closed.attempt.peak_gpu_memory_mb = 900;
  auto second = grant(1, 2);
  second.devices = {half};
  s.commit({closed, second});
  CHECK(s.find({1})->gpu_seconds == milli{2'000});
  CHECK(s.find({1})->attempts.at(1).peak_memory_mb == 0);
  auto over = end(1, job_status::succeeded, 50'000);
  over.duration_ms = 2'000;
  over.peak_memory_mb = 80;
  over.peak_gpu_memory_mb = 1'000;
  s.commit({over});
  auto const record = *s.find({1});
  REQUIRE(record.attempts.size() == 2);
  CHECK(record.attempts[0].peak_memory_mb == 70);
  CHECK(record.attempts[0].peak_gpu_memory_mb == 900);
  CHECK(record.attempts[1].peak_memory_mb == 80);
  CHECK(record.attempts[1].peak_gpu_memory_mb == 1'000);
  CHECK(record.gpu_seconds == milli{3'000});
}

TEST_CASE("what jobs and tenants have cost survives, and a parent costs what its children do") {
  folder f;
  {
    job_store s{options_at(f)};
    auto running = grant(1, 1);
    running.cost_rate = 4'000'000;
    s.commit({fresh(1), running});
    s.load_unfinished([](unfinished_job&& job) {
      CHECK(job.cost_rate == 4'000'000);
      CHECK(job.record.cost_usd == micro{0});
    });
    close_attempt closed;
    closed.job = {1};
    closed.attempt.number = 1;
    closed.cost = {700};
    s.commit({closed, put_spending{"lab", {700}}, put_spending{"x", {1}}});
    CHECK(s.find({1})->cost_usd == micro{700});
    auto over = end(1);
    over.cost = {900};
    s.commit({over, put_spending{"lab", {900}}});
  }
  job_store s{options_at(f)};
  CHECK(s.find({1})->cost_usd == micro{900});
  auto const all = s.spending();
  REQUIRE(all.size() == 2);
  CHECK(all[0].tenant_id == "lab");
  CHECK(all[0].spent == micro{900});
}
