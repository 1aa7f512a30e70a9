#include "scheduling/token_bucket.hpp"

#include <deque>
#include <random>

#include <doctest/doctest.h>

#include "tests/scheduling/fixture.hpp"

using namespace nsai;
using namespace nsai::scheduling;
using namespace nsai::scheduling::tests;

namespace {

constexpr timestamp start{1'700'000'000'000};

core_settings with_rate(tenant_rate const& rate) {
  core_settings s;
  s.tenants["lab"].submit_rate = rate;
  return s;
}

submission keyed_job(std::string key = {}) {
  auto s = fixture::job();
  s.tenant_id = "lab";
  s.key = std::move(key);
  return s;
}

}  // namespace

TEST_CASE("rate: a full bucket lets the burst through, and then one job after the other") {
  token_bucket b{tenant_rate{2, 1000, 5}};
  CHECK(b.wait_ms(5, start) == 0);
  b.take(5, start);
  CHECK(b.wait_ms(1, start) == 500);
  CHECK(b.wait_ms(1, start + 499) == 1);
  CHECK(b.wait_ms(1, start + 500) == 0);
  CHECK(b.wait_ms(3, start + 500) == 1000);
  CHECK(b.wait_ms(5, start + 1'000'000) == 0);
  CHECK_FALSE(b.wait_ms(6, start + 1'000'000));  // not at once, however long the pause
  CHECK(b.wait_ms(1, start + -60'000) == 500);   // a clock that was set back adds nothing
}

TEST_CASE("rate: without one everything is let through, and one a day is a rate, too") {
  token_bucket none;
  none.take(1'000'000, start);
  CHECK(none.wait_ms(1'000'000'000, start) == 0);
  CHECK_FALSE(none.is_limited());
  token_bucket daily{tenant_rate{1, 86'400'000, std::nullopt}};
  daily.take(1, start);
  CHECK(daily.wait_ms(1, start) == 86'400'000);
  CHECK(daily.wait_ms(1, start + 86'399'999) == 1);
  token_bucket largest{tenant_rate{1'000'000'000, 86'400'000, 1'000'000'000}};
  largest.take(1'000'000'000, start);
  CHECK(largest.wait_ms(1'000'000'000, start) == 86'400'000);
  CHECK(largest.wait_ms(1'000'000'000, start + (1LL << 50)) == 0);
}

TEST_CASE("rate: another one keeps what is in the bucket, as far as it fits") {
  token_bucket b{tenant_rate{10, 1000, 100}};
  b.take(60, start);
  b.change(tenant_rate{1, 1000, 50}, start);
  CHECK(b.wait_ms(40, start) == 0);
  CHECK(b.wait_ms(41, start) == 1000);
  b.change(tenant_rate{1, 1000, 5}, start);
  CHECK(b.wait_ms(5, start) == 0);
  CHECK_FALSE(b.wait_ms(6, start));
  b.change({}, start);
  CHECK(b.wait_ms(1000, start) == 0);
  b.change(tenant_rate{1, 1000, 5}, start);
  CHECK(b.wait_ms(5, start) == 0);
}

TEST_CASE("rate: in no stretch of time more than its length at the rate, and the burst") {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    CAPTURE(seed);
    std::mt19937_64 random{seed};
    tenant_rate const rate{1 + static_cast<std::int64_t>(random() % 20),
                           1 + static_cast<std::int64_t>(random() % 3000),
                           1 + static_cast<std::int64_t>(random() % 50)};
    token_bucket b{rate};
    auto now = start;
    struct taken {
      timestamp at;
      std::int64_t jobs;
    };
    std::deque<taken> all;
    for (int i = 0; i < 400; ++i) {
      now = now + static_cast<std::int64_t>(random() % 400);
      auto const jobs = 1 + static_cast<std::int64_t>(random() % 8);
      auto const wait_ms = b.wait_ms(jobs, now);
      REQUIRE(wait_ms.has_value() == (jobs <= *rate.burst));
      if (!wait_ms)
        continue;
      if (*wait_ms > 0) {
        CHECK(b.wait_ms(jobs, now + (*wait_ms - 1)) == 1);
        now = now + *wait_ms;
      }
      REQUIRE(b.wait_ms(jobs, now) == 0);
      b.take(jobs, now);
      all.push_back({now, jobs});
      std::int64_t sum = 0;
      for (auto from = all.rbegin(); from != all.rend(); ++from) {
        sum += from->jobs;
        CHECK((sum - *rate.burst) * rate.per_ms <= (now - from->at) * rate.jobs);
      }
    }
  }
}

TEST_CASE("rate: a submission beyond it is refused with the time after which it may come again") {
  fixture f{with_rate({1, 1000, 3})};
  f.join(fixture::node("n", 2));
  for (int i = 0; i < 3; ++i)
    CHECK_FALSE(f.submit(keyed_job()).error);
  auto const refused = f.submit(keyed_job()).error;
  REQUIRE(refused);
  CHECK(refused->category == "refused");
  CHECK(refused->code == "rate_limited");
  CHECK(refused->field == "jobs");
  CHECK(refused->retryable);
  CHECK(refused->retry_after_ms == 1000);
  CHECK(refused->message ==
        "jobs: tenant lab submits faster than 1 job in 1 s, 3 at once (tenants.lab.submit_rate in "
        "the scheduler's config); expected the same again in 1 s");
  CHECK_FALSE(f.submit(fixture::job()).error);  // of another tenant
  f.jump(999);
  CHECK(f.submit(keyed_job()).error->retry_after_ms == 1);
  f.jump(1);
  CHECK_FALSE(f.submit(keyed_job()).error);
}

TEST_CASE("rate: every child counts, and what can never come says how many may") {
  fixture f{with_rate({1, 1000, 3})};
  f.join(fixture::node("n", 2));
  auto array = keyed_job();
  array.array = array_spec{.indices = {1, 2, 3, 4}};
  auto const never = f.submit(array).error;
  REQUIRE(never);
  CHECK(never->code == "rate_limited");
  CHECK_FALSE(never->retry_after_ms);
  CHECK_FALSE(never->retryable);
  CHECK(never->message.find("4 jobs at once") != std::string::npos);
  CHECK(never->message.find("expected at most 3") != std::string::npos);
  array.array->indices = {1, 2};
  CHECK_FALSE(f.submit(array).error);
  CHECK(f.submit(array).error->retry_after_ms == 1000);
  CHECK_FALSE(f.submit(keyed_job()).error);
}

TEST_CASE("rate: a repeat of what lives is not counted, and neither is what was refused") {
  fixture f{with_rate({1, 1000, 2})};
  f.join(fixture::node("n", 0));
  auto const first = f.submitted(keyed_job("k"));
  for (int i = 0; i < 5; ++i)
    CHECK(f.submit(keyed_job("k")).id == first);
  auto unknown = keyed_job();
  unknown.stage = "no such stage";
  CHECK(f.submit(unknown).error->code == "unknown_stage");
  auto const second = f.submitted(keyed_job("other"));
  CHECK(f.submit(keyed_job("third")).error->code == "rate_limited");
  CHECK(f.submit(unknown).error->code == "unknown_stage");  // a mistake is told at once
  CHECK(f.submit(keyed_job("other")).id == second);         // and a repeat answered
}

TEST_CASE("rate: a batch counts each of its jobs, and takes nothing when it is refused") {
  fixture f{with_rate({1, 1000, 3})};
  f.join(fixture::node("n", 0));
  auto const known = f.submitted(keyed_job("known"));
  std::vector<submission> jobs;
  for (auto const* const key : {"known", "a", "b", "c"})
    jobs.push_back(keyed_job(key));
  auto const apply = [&] {
    batch_submitted e;
    for (auto& each : jobs) {
      REQUIRE_FALSE(complete_and_check(each));
      e.jobs.push_back({&each, {}, 0, {}});
    }
    f.apply(e);
    return f.core_.batch_answers();
  };
  auto const refused = apply();
  CHECK(refused[0].error->code == "batch_refused");
  CHECK(refused[3].error->code == "rate_limited");
  CHECK(refused[3].error->retry_after_ms == 1000);
  jobs.pop_back();
  auto const made = apply();
  CHECK(made[0].id == known);
  CHECK_FALSE(made[2].error);
  CHECK(f.submit(keyed_job()).error->retry_after_ms == 1000);
}
