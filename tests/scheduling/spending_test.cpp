#include "scheduling/spending.hpp"

#include <random>

#include <doctest/doctest.h>

#include "tests/scheduling/fixture.hpp"

using namespace nsai;
using namespace nsai::scheduling;
using namespace nsai::scheduling::tests;

namespace {

constexpr std::int64_t an_hour_ms = 60 * minute_ms;

node_info priced(std::string name, std::int64_t cores, std::int64_t usd,
                 std::vector<std::string> models = {}) {
  auto n = fixture::node(std::move(name), cores, std::move(models));
  n.price_per_hour_usd = micro{usd * 1'000'000};
  return n;
}

submission paying_job(std::int64_t max_usd = 0) {
  auto s = fixture::job();
  s.tenant_id = "lab";
  s.constraints.timeout_ms = 0;
  if (max_usd > 0)
    s.constraints.max_cost_usd = micro{max_usd * 1'000'000};
  return s;
}

double usd(micro x) {
  return static_cast<double>(x.value) / 1e6;
}

double spent(fixture const& f, std::string const& tenant = "lab") {
  for (auto const& t : f.core_.tenants())
    if (t.tenant_id == tenant)
      return usd(t.spent_usd);
  return 0;
}

core_settings with_budget(std::int64_t dollars) {
  core_settings s;
  s.tenants["lab"].budget_usd = micro{dollars * 1'000'000};
  return s;
}

}  // namespace

TEST_CASE("cost: the largest part of the node, at its price, for as long as it ran") {
  node_state node;
  node.reset(priced("n", 8, 4, {"A100", "A100", "A100", "A100"}), {}, std::vector<device_kind>(4));
  holding h;
  h.cpu = 2000;
  CHECK(rate_of(node, h) == 1'000'000);
  h.memory_mb = 50'000;  // half of it
  CHECK(rate_of(node, h) == 2'000'000);
  h.devices = {device_grant{0, "", "A100", 0, 1000}, device_grant{1, "", "A100", 0, 1000},
               device_grant{2, "", "A100", 0, 1000}};
  CHECK(rate_of(node, h) == 3'000'000);
  node.info.price_per_hour_usd = {};
  CHECK(rate_of(node, h) == 0);
  CHECK(cost_of(3'000'000, an_hour_ms / 2) == micro{1'500'000});
  CHECK(cost_of(3'600, 999) == micro{0});  // a millionth for each second, rounded down
  CHECK(cost_of(3'600, 1000) == micro{1});
  CHECK(cost_of(3'600, -5) == micro{0});
}

TEST_CASE("cost: the time for a cost is the longest that costs no more") {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    CAPTURE(seed);
    std::mt19937_64 random{seed};
    cost_rate const rate = 1 + static_cast<std::int64_t>(random() % (1ULL << (random() % 39)));
    micro const cost{static_cast<std::int64_t>(random() % (1ULL << (random() % 45)))};
    auto const ms = time_for(cost, rate);
    CHECK(cost_of(rate, ms) <= cost);
    if (ms < 1'000'000 * an_hour_ms)
      CHECK(cost_of(rate, ms + 1) >= cost_of(rate, ms));
    CHECK(cost_of(1'000'000'000'000, 1'000'000 * an_hour_ms).value == 1'000'000'000'000'000'000);
  }
}

TEST_CASE("cost: ended attempts are paid, those that the infrastructure ends are not") {
  fixture f;
  f.join(priced("n", 4, 4));
  auto const job = f.submitted(paying_job());
  f.advance(an_hour_ms / 2);
  CHECK(usd(*f.core_.look_up(job).cost) == doctest::Approx(0.5));
  CHECK(spent(f) == doctest::Approx(0.5));
  f.end(job, attempt_result::failed, an_hour_ms / 2);
  CHECK(usd(f.only<attempt_closed>().cost) == doctest::Approx(0.5));
  CHECK(usd(f.only<tenant_spent>().spent) == doctest::Approx(0.5));
  f.decide(job, true);
  REQUIRE(f.runs(job));
  f.advance(an_hour_ms / 4);
  f.end(job, attempt_result::device_fault, an_hour_ms / 4);
  CHECK(f.seen<tenant_spent>().empty());
  CHECK(spent(f) == doctest::Approx(0.5));
  f.advance(2000);
  REQUIRE(f.runs(job));
  f.advance(an_hour_ms);
  f.end(job, attempt_result::succeeded, 40 * minute_ms);  // the rest was the way
  CHECK(usd(f.ended(job).cost) == doctest::Approx(0.5 + 2.0 / 3));
  CHECK(spent(f) == doctest::Approx(0.5 + 2.0 / 3));
}

TEST_CASE("cost: nothing is kept or told where no node has a price") {
  fixture f{with_budget(1)};
  f.join(fixture::node("n", 4));
  auto const job = f.submitted(paying_job(1));
  f.advance(1000 * an_hour_ms / 100);
  f.end(job, attempt_result::succeeded, an_hour_ms);
  CHECK(f.seen<tenant_spent>().empty());
  CHECK(f.ended(job).cost == micro{});
  CHECK(spent(f) == 0);
}

TEST_CASE("max_cost_usd: the attempt is stopped there, and the job has failed for good") {
  fixture f;
  f.join(priced("n", 4, 4));
  auto const job = f.submitted(paying_job(2));
  f.advance(2 * an_hour_ms - 1000);
  CHECK(f.seen<attempt_stopped>().empty());
  f.advance(1000);
  CHECK(f.only<attempt_stopped>().ref == f.granted(job).ref);
  CHECK(f.runs(job));
  f.advance(5000);  // of its grace period, which is paid, too
  f.end(job, attempt_result::canceled, 2 * an_hour_ms + 5000);
  auto const& over = f.ended(job);
  CHECK(over.status == job_status::failed);
  CHECK(over.error->category == "budget");
  CHECK(over.error->code == "max_cost");
  CHECK(over.error->field == "constraints.max_cost_usd");
  CHECK_FALSE(over.error->retryable);
  CHECK(usd(over.cost) == doctest::Approx(2 + 4.0 * 5 / 3600 / 4));
}

TEST_CASE("max_cost_usd: is of all attempts together, and an attempt that ends well has won") {
  fixture f;
  f.join(priced("n", 4, 4));
  auto const job = f.submitted(paying_job(2));
  f.advance(90 * minute_ms);
  f.end(job, attempt_result::failed, 90 * minute_ms);
  f.decide(job, true);
  REQUIRE(f.runs(job));
  f.advance(30 * minute_ms - 1000);
  CHECK(f.seen<attempt_stopped>().empty());
  f.advance(1000);
  CHECK(f.seen<attempt_stopped>().size() == 1);
  f.end(job, attempt_result::succeeded, 30 * minute_ms);
  CHECK(f.ended(job).status == job_status::succeeded);
  auto const failing = f.submitted(paying_job(1));
  f.advance(an_hour_ms);
  f.end(failing, attempt_result::failed, an_hour_ms);  // it did not take the stop well
  CHECK(f.ended(failing).error->code == "max_cost");
}

TEST_CASE("max_cost_usd: a lost node costs nothing, so the job has all of it again") {
  fixture f;
  f.join(priced("n", 4, 4));
  auto const job = f.submitted(paying_job(2));
  f.advance(an_hour_ms);
  f.silence("n");
  f.advance(20'000);
  CHECK_FALSE(f.runs(job));
  CHECK(spent(f) == 0);
  f.join(priced("m", 4, 4));
  f.advance(2000);
  REQUIRE(f.runs(job));
  f.advance(2 * an_hour_ms - 3000);
  CHECK(f.seen<attempt_stopped>().empty());
  f.advance(1000);
  CHECK(f.seen<attempt_stopped>().size() == 1);
}

TEST_CASE("budget: at it nothing more is started or submitted, and what runs goes on") {
  fixture f{with_budget(2)};
  f.join(priced("n", 2, 2));
  auto const first = f.submitted(paying_job());
  auto const second = f.submitted(paying_job());
  auto const waits = f.submitted(paying_job());
  f.advance(an_hour_ms - 1000);
  CHECK_FALSE(f.submit(paying_job()).error);
  f.advance(1000);
  f.end(first, attempt_result::succeeded, an_hour_ms);
  CHECK_FALSE(f.runs(waits));
  CHECK(f.runs(second));
  CHECK(f.reason(waits) == "budget of tenant lab: 2 USD of 2 USD are spent");
  auto const refused = f.submit(paying_job()).error;
  REQUIRE(refused);
  CHECK(refused->category == "refused");
  CHECK(refused->code == "budget");
  CHECK(refused->message.find("tenants.lab.budget_usd") != std::string::npos);
  auto other = paying_job();
  other.tenant_id = "guests";
  CHECK(f.runs(f.submitted(other)));
  CHECK(spent(f) == doctest::Approx(2));
}

TEST_CASE("budget and cost hold over a restart, also while the node has not spoken") {
  fixture f{with_budget(3)};
  f.apply(spending_restored{"lab", micro{1'000'000}});
  auto running = fixture::restored_on_n("lab", 2);
  running.record.started_at = f.now_ + -an_hour_ms / 2;
  running.record.created_at = f.now_ + -an_hour_ms;
  running.record.cost_usd = micro{250'000};
  running.record.constraints.max_cost_usd = micro{1'250'000};
  running.record.constraints.timeout_ms = 0;
  running.cost_rate = 1'000'000;
  f.apply(running);
  f.apply(restore_finished{});
  CHECK(spent(f) == doctest::Approx(1.5));
  CHECK(usd(*f.core_.look_up({1}).cost) == doctest::Approx(0.75));
  SUBCASE("its outcome comes before its node") {
    f.end_as("n", fixture::outcome_of({{1}, 2}, attempt_result::succeeded, an_hour_ms / 2));
    CHECK(usd(f.ended({1}).cost) == doctest::Approx(0.75));
    CHECK(spent(f) == doctest::Approx(1.5));
  }
  SUBCASE("its node brings it back, and it is stopped in time") {
    f.join(priced("n", 4, 4), {{{{1}, 2}, milli{1000}, 0, {}}});
    f.advance(an_hour_ms / 2 - 1000);
    CHECK(f.seen<attempt_stopped>().empty());
    f.advance(1000);
    CHECK(f.seen<attempt_stopped>().size() == 1);
  }
}

TEST_CASE("cost: what a tenant has spent is the sum of what its jobs have cost, whatever comes") {
  for (std::uint64_t seed = 1; seed <= 15; ++seed) {
    CAPTURE(seed);
    std::mt19937_64 random{seed};
    auto const below = [&](std::uint64_t n) { return random() % n; };
    fixture f{with_budget(40)};
    // Dear nodes and short times: time passes in seconds, each of which costs the test something.
    f.join(priced("n", 4, 60));
    f.join(priced("m", 3, 20));
    f.join(fixture::node("free", 1));
    std::vector<job_id> jobs;
    std::int64_t told = 0;
    auto const listen = [&] {
      for (auto const& each : f.seen<tenant_spent>())
        told = each.spent.value;
    };
    for (int i = 0; i < 200; ++i) {
      if (below(3) == 0) {
        auto s = paying_job(below(2) == 0 ? 1 : 0);
        s.constraints.max_retries = static_cast<std::int32_t>(below(3));
        if (auto const made = f.submit(s); !made.error)
          jobs.push_back(made.id);
      } else if (!jobs.empty()) {
        auto const job = jobs[below(jobs.size())];
        auto const result = std::array{attempt_result::succeeded, attempt_result::failed,
                                       attempt_result::canceled, attempt_result::lost}[below(4)];
        if (!f.has_ended(job) && f.runs(job))
          f.end(job, result, static_cast<std::int64_t>(below(an_hour_ms / 20)));
        listen();
        if (f.consults_.contains(job) && !f.has_ended(job)) {
          f.decide(job, true);
          listen();
        }
      }
      f.advance(static_cast<std::int64_t>(below(20)) * 3000);
      listen();
    }
    std::int64_t sum = 0;
    for (auto const job : jobs)
      sum += f.has_ended(job) ? f.ended(job).cost.value : 0;
    for (auto const job : jobs) {
      if (f.has_ended(job) || !f.runs(job))
        continue;
      f.end(job, attempt_result::succeeded, minute_ms);
      listen();
      sum += f.ended(job).cost.value;
    }
    std::int64_t left = 0;  // paid for jobs that wait for another attempt
    for (auto const job : jobs)
      if (!f.has_ended(job))
        left += f.core_.look_up(job).cost->value;
    CHECK(sum + left == told);
  }
}
