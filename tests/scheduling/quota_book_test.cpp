#include "scheduling/quota_book.hpp"

#include <doctest/doctest.h>

#include "tests/scheduling/fixture.hpp"

using namespace nsai;
using namespace nsai::scheduling;
using namespace nsai::scheduling::tests;

namespace {

core_settings with_quota(tenant_quota const& quota) {
  core_settings s;
  s.tenants["lab"].quota = quota;
  return s;
}

submission of_lab(std::int64_t cores = 1, std::int32_t gpus = 0) {
  auto s = fixture::job();
  s.tenant_id = "lab";
  s.resources.cpu.value = cores * 1000;
  s.resources.gpu_count = gpus;
  return s;
}

}  // namespace

TEST_CASE("quota: no more is granted than it allows, and the rest says what it waits for") {
  tenant_quota quota;
  quota.cpu = milli{3000};
  fixture f{with_quota(quota)};
  f.join(fixture::node("n", 16));
  auto const one = f.submitted(of_lab(2));
  auto const two = f.submitted(of_lab(2));
  auto const small = f.submitted(of_lab(1));
  CHECK(f.runs(one));
  CHECK_FALSE(f.runs(two));
  CHECK(f.runs(small));  // what fits into the quota goes by what does not
  CHECK(f.reason(two) == "quota of tenant lab: 3 of 3 cores are taken, this job needs 2");
  auto other = of_lab(2);
  other.tenant_id = "guests";
  CHECK(f.runs(f.submitted(other)));
  f.end(small);
  CHECK_FALSE(f.runs(two));
  f.end(one);
  CHECK(f.runs(two));
}

TEST_CASE("quota: of running jobs, memory and devices, shares among them") {
  tenant_quota quota;
  quota.running = 3;
  quota.memory_mb = 4096;
  quota.gpus = milli{1500};
  fixture f{with_quota(quota)};
  f.join(fixture::node("n", 16, {"A100", "A100", "A100"}));
  auto half = of_lab(1, 1);
  half.resources.gpu_share = milli{500};
  auto const whole = f.submitted(of_lab(1, 1));
  auto const shared = f.submitted(half);
  auto const more = f.submitted(half);
  CHECK(f.runs(whole));
  CHECK(f.runs(shared));
  CHECK(f.reason(more).find("1.5 of 1.5 GPUs are taken, this job needs 0.5") != std::string::npos);
  auto memory = of_lab();
  memory.resources.memory_mb = 4096;
  auto const third = f.submitted(memory);
  auto const fourth = f.submitted(of_lab());
  CHECK(f.runs(third));
  CHECK(f.reason(fourth).find("3 of 3 running jobs") != std::string::npos);
  f.cancel(more);
  f.end(whole);
  CHECK(f.runs(fourth));
}

TEST_CASE("quota: a job that is larger than it is refused, and one more that would wait") {
  tenant_quota quota;
  quota.gpus = milli{2000};
  quota.queued = 3;
  fixture f{with_quota(quota)};
  f.join(fixture::node("n", 1, {"A100", "A100", "A100", "A100"}));
  auto const refused = f.submit(of_lab(1, 4)).error;
  REQUIRE(refused);
  CHECK(refused->category == "refused");
  CHECK(refused->field == "resources");
  CHECK(refused->message.find("tenants.lab.quota.gpus") != std::string::npos);
  CHECK(refused->message.find("at most 2") != std::string::npos);
  auto array = of_lab();
  array.array = array_spec{.indices = {1, 2, 3, 4}};
  CHECK(f.submit(array).error->code == "quota");
  array.array->indices = {1, 2};
  CHECK_FALSE(f.submit(array).error);  // one of the two runs
  CHECK_FALSE(f.submit(of_lab()).error);
  CHECK_FALSE(f.submit(of_lab()).error);
  auto const full = f.submit(of_lab()).error;
  REQUIRE(full);
  CHECK(full->message.find("3 jobs of tenant lab wait already, and 1 more are too many") !=
        std::string::npos);
}

TEST_CASE("quota: holds over a restart, and a smaller one takes nothing away") {
  tenant_quota quota;
  quota.running = 1;
  fixture f{with_quota(quota)};
  auto running = fixture::restored_on_n("lab");
  auto second = running;
  second.record.id = {2};
  auto waiting = running;
  waiting.record.id = {3};
  waiting.record.status = job_status::queued;
  waiting.record.attempt = 0;
  for (auto const& each : {running, second, waiting})
    f.apply(each);
  f.apply(restore_finished{});
  f.join(fixture::node("other", 8));  // what has not been confirmed yet counts, too
  CHECK_FALSE(f.runs({3}));
  f.join(fixture::node("n", 8), {{{{1}, 1}, milli{1000}, 0, {}}, {{{2}, 1}, milli{1000}, 0, {}}});
  CHECK(f.runs({1}));
  CHECK(f.runs({2}));
  CHECK_FALSE(f.runs({3}));
  f.end_as("n", fixture::outcome_of({{1}, 1}, attempt_result::succeeded));
  CHECK_FALSE(f.runs({3}));
  f.end_as("n", fixture::outcome_of({{2}, 1}, attempt_result::succeeded));
  CHECK(f.runs({3}));
}
