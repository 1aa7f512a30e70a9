// Bad devices and nodes in the core: what is quarantined takes nothing, and who failed there is not
// blamed.
#include <algorithm>

#include "tests/scheduling/fixture.hpp"

using namespace nsai;
using namespace nsai::scheduling;
using namespace nsai::scheduling::tests;

namespace {

struct cluster_of_gpus : fixture {
  /// `label` tells programs apart.
  job_id put(submission s, std::string tenant, label_no label) {
    s.tenant_id = std::move(tenant);
    REQUIRE_FALSE(complete_and_check(s));
    job_submitted e;
    e.request = &s;
    e.label = label;
    apply(e);
    REQUIRE_FALSE(core_.last_answer().error);
    return core_.last_answer().id;
  }
  bool saw(happening what) const {
    auto const all = seen<happened>();
    return std::any_of(all.begin(), all.end(), [&](auto const& h) { return h.what == what; });
  }
  gpu_use gpu(std::string const& uuid, std::size_t index) const {
    return record_of(uuid).gpus.at(index);
  }
};

submission of_gpu(std::int32_t retries = 3) {
  auto s = fixture::gpu_job("A100");
  s.constraints.max_retries = retries;
  return s;
}

}  // namespace

TEST_CASE("health: a device whose hardware reports a fault takes nothing until its probation") {
  cluster_of_gpus f;
  f.join(f.node("a", 4, {"A100"}));
  auto const first = f.put(of_gpu(), "t", 1);
  f.end(first, attempt_result::device_fault);
  CHECK(f.saw(happening::gpu_quarantined));
  CHECK(f.gpu("a", 0).health == place_health::quarantined);
  CHECK(f.gpu("a", 0).health_reason == "its hardware reported a fault");
  f.advance(2000);
  CHECK(f.status(first) == job_status::queued);
  CHECK(f.reason(first).find("GPU 0 of node a is quarantined") != std::string::npos);
  CHECK(f.place_of(f.put(f.job(), "t", 2)) == "a");  // what needs no device runs
  f.advance(57'000);
  CHECK_FALSE(f.runs(first));
  f.advance(1000);
  CHECK(f.runs(first));
  CHECK(f.gpu("a", 0).health == place_health::probation);
  f.end(first);
  CHECK(f.saw(happening::gpu_released));
  CHECK(f.gpu("a", 0).health == place_health::sound);
}

TEST_CASE("health: a device on probation takes one job at a time, also of those that share") {
  cluster_of_gpus f;
  f.join(f.node("a", 4, {"A100"}));
  f.end(f.put(of_gpu(0), "t", 1), attempt_result::device_fault);
  f.advance(60'000);
  auto share = f.gpu_job("A100");
  share.resources.gpu_share.value = 300;
  auto const one = f.put(share, "t", 2);
  // The job that met the fault is tried again first.
  auto const again = job_id{1};
  CHECK(f.runs(again));
  CHECK_FALSE(f.runs(one));
  f.end(again);
  auto const two = f.put(share, "t", 2);
  CHECK(f.runs(one));
  CHECK(f.runs(two));
}

TEST_CASE("health: jobs of two tenants quarantine a device and are not blamed for it") {
  cluster_of_gpus f;
  f.join(f.node("a", 8, {"A100", "A100", "A100", "A100", "A100"}));
  auto const x = f.put(of_gpu(0), "x", 1);
  auto const place = f.granted(x).devices.at(0).index;
  f.end(x, attempt_result::failed);
  CHECK(f.ended(x).status == job_status::failed);  // nobody could know yet
  auto const y = f.put(of_gpu(0), "y", 2);
  REQUIRE(f.granted(y).devices.at(0).index == place);
  f.end(y, attempt_result::failed);
  CHECK(f.gpu("a", place).health == place_health::quarantined);
  CHECK_FALSE(f.has_ended(y));
  f.advance(1000);
  CHECK(f.runs(y));
  CHECK(f.granted(y).devices.at(0).index != place);
}

TEST_CASE("health: an earlier failure on what was bad hardware is taken back") {
  cluster_of_gpus f;
  f.join(f.node("a", 8, {"A100", "A100", "A100", "A100", "A100"}));
  auto const x = f.put(of_gpu(1), "x", 1);
  f.end(x, attempt_result::failed);
  auto const y = f.put(of_gpu(0), "y", 2);
  f.end(y, attempt_result::failed);
  auto const changed = f.seen<job_changed>();
  auto const mine = std::find_if(changed.begin(), changed.end(),
                                 [&](auto const& c) { return c.id == x && c.own_failures == 0; });
  REQUIRE(mine != changed.end());
  CHECK(mine->infra_failures == 1);
  f.decide(x, true);
  f.end(x, attempt_result::failed);
  CHECK_FALSE(f.has_ended(x));  // it still has its retry
}

TEST_CASE("health: resume releases what is quarantined, windows stay") {
  cluster_of_gpus f;
  f.join(f.node("a", 4, {"A100"}));
  f.end(f.put(of_gpu(), "t", 1), attempt_result::device_fault);
  maintenance_window const w{f.now_ + 9'000'000'000, f.now_ + 9'000'001'000};
  f.announce("a", w);
  f.resume("a");
  CHECK_FALSE(f.refusal());
  CHECK(f.gpu("a", 0).health == place_health::sound);
  CHECK(f.record_of("a").maintenance.size() == 1);
}

TEST_CASE("health: a resume that is refused releases nothing") {
  cluster_of_gpus f;
  f.join(f.node("a", 4, {"A100"}));
  f.join(f.node("b", 4));
  f.end(f.put(of_gpu(), "t", 1), attempt_result::device_fault);
  f.apply(resume_ordered{{"a", "b"}});
  REQUIRE(f.refusal());
  CHECK(f.refusal()->code == "not_draining");
  CHECK(f.gpu("a", 0).health == place_health::quarantined);
}

TEST_CASE("health: a quarantine outlives its node's restart") {
  cluster_of_gpus f;
  f.join(f.node("a", 4, {"A100"}));
  f.end(f.put(of_gpu(), "t", 1), attempt_result::device_fault);
  auto again = f.node("a", 4, {"A100"});
  again.incarnation = 2;
  f.join(again);
  CHECK(f.gpu("a", 0).health == place_health::quarantined);
}

TEST_CASE(
    "health: a node where five jobs in a row fail starts one at a time; retries go elsewhere") {
  cluster_of_gpus f;
  f.join(f.node("a", 4));
  std::vector<job_id> failed;
  for (label_no i = 1; i <= 5; ++i) {
    auto s = f.job();
    s.constraints.max_retries = i == 5 ? 1 : 0;
    failed.push_back(f.put(s, "t", i));
    f.end(failed.back(), attempt_result::failed);
  }
  auto const first = f.put(f.job(), "t", 6);
  auto const second = f.put(f.job(), "t", 7);
  CHECK(f.runs(first));
  CHECK_FALSE(f.runs(second));
  CHECK(f.reason(second).find("one job at a time") != std::string::npos);
  f.end(first, attempt_result::failed);
  CHECK(f.runs(second));
  f.decide(failed.back(), true);
  f.join(f.node("b", 1));
  CHECK(f.place_of(failed.back()) == "b");
  f.end(second);
  f.put(f.job(), "t", 8);
  f.put(f.job(), "t", 9);
  CHECK(f.record_of("a").running == 2);
  CHECK(f.record_of("a").health_reason.empty());
}

TEST_CASE("health: retries come back to the only node after a while") {
  cluster_of_gpus f;
  f.join(f.node("a", 4));
  job_id last;
  for (label_no i = 1; i <= 5; ++i) {
    last = f.put(f.job(), "t", i);
    f.end(last, attempt_result::failed);
  }
  f.decide(last, true);
  f.advance(9000);
  CHECK_FALSE(f.runs(last));
  f.advance(1000);
  CHECK(f.runs(last));
}
