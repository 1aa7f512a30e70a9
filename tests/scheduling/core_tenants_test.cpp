// The tenants' settings change while jobs wait and run.
#include <doctest/doctest.h>

#include "tests/scheduling/fixture.hpp"

using namespace nsai;
using namespace nsai::scheduling;
using namespace nsai::scheduling::tests;

namespace {

submission job_of(std::string tenant, std::string model = {}) {
  auto s = model.empty() ? fixture::job() : fixture::gpu_job(std::move(model));
  s.tenant_id = std::move(tenant);
  s.constraints.timeout_ms = 0;
  return s;
}

tenant_record tenant_called(fixture const& f, std::string const& name) {
  for (auto const& t : f.core_.tenants())
    if (t.tenant_id == name)
      return t;
  FAIL("no tenant is called " << name);
  return {};
}

}  // namespace

TEST_CASE("settings: a larger quota starts what waited for it, a smaller one takes nothing away") {
  core_settings s;
  s.tenants["lab"].quota.running = 1;
  fixture f{s};
  f.join(fixture::node("n", 8));
  auto const first = f.submitted(job_of("lab"));
  auto const second = f.submitted(job_of("lab"));
  CHECK_FALSE(f.runs(second));
  s.tenants["lab"].quota.running = 2;
  f.apply(tenants_changed{s.tenants});
  CHECK(f.runs(second));
  CHECK(tenant_called(f, "lab").quota.running == 2);
  s.tenants["lab"].quota.running = 0;
  f.apply(tenants_changed{s.tenants});
  CHECK(f.runs(first));
  CHECK(f.runs(second));
  auto const third = f.submit(job_of("lab")).error;
  REQUIRE(third);
  CHECK(third->code == "quota");
  f.apply(tenants_changed{});
  CHECK(f.runs(f.submitted(job_of("lab"))));
}

TEST_CASE("settings: a quota of a model that is new counts what runs already") {
  fixture f;
  f.join(fixture::node("n", 8, {"A100", "A100", "A100"}));
  auto const first = f.submitted(job_of("lab", "A100"));
  core_settings s;
  s.tenants["*"].quota.gpus_by_model["A100"] = milli{1000};
  f.apply(tenants_changed{s.tenants});
  CHECK(tenant_called(f, "lab").gpus_by_model.at("A100") == milli{1000});
  auto const second = f.submitted(job_of("lab", "A100"));
  CHECK_FALSE(f.runs(second));
  f.end(first);
  CHECK(f.runs(second));
}

TEST_CASE("settings: weight, priority, rate and budget hold from then on") {
  core_settings s;
  s.tenants["lab"].budget_usd = micro{1'000'000};
  fixture f{s};
  auto n = fixture::node("n", 1);
  n.price_per_hour_usd = micro{1'000'000};
  f.join(n);
  auto const first = f.submitted(job_of("lab"));
  auto const waits = f.submitted(job_of("lab"));
  f.advance(60 * minute_ms);
  f.end(first, attempt_result::succeeded, 60 * minute_ms);
  CHECK_FALSE(f.runs(waits));
  CHECK(f.submit(job_of("lab")).error->code == "budget");
  s.tenants["lab"].budget_usd = micro{2'000'000};
  s.tenants["lab"].weight = milli{3000};
  s.tenants["lab"].max_priority = priority::offline;
  s.tenants["lab"].submit_rate = tenant_rate{1, 1000, 1};
  f.apply(tenants_changed{s.tenants});
  CHECK(f.runs(waits));
  CHECK(tenant_called(f, "lab").weight == milli{3000});
  CHECK(tenant_called(f, "lab").budget_usd == micro{2'000'000});
  CHECK(f.submit(job_of("lab")).error->code == "max_priority");
  auto offline = job_of("lab");
  offline.priority = priority::offline;
  CHECK_FALSE(f.submit(offline).error);
  CHECK(f.submit(offline).error->code == "rate_limited");
}
