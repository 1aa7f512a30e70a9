#include "scheduling/model_quotas.hpp"

#include <random>

#include <doctest/doctest.h>

#include "tests/scheduling/fixture.hpp"

using namespace nsai;
using namespace nsai::scheduling;
using namespace nsai::scheduling::tests;

namespace {

core_settings with_models(std::map<std::string, milli> const& quotas) {
  core_settings s;
  s.tenants["lab"].quota.gpus_by_model = quotas;
  return s;
}

submission wants_model(std::string model, std::int32_t count = 1) {
  auto s = fixture::gpu_job(std::move(model), count);
  s.tenant_id = "lab";
  return s;
}

std::map<std::string, std::int64_t> held_models(fixture const& f) {
  std::map<std::string, std::int64_t> list;
  for (auto const& t : f.core_.tenants())
    if (t.tenant_id == "lab")
      for (auto const& [model, count] : t.gpus_by_model)
        list[model] = count.value;
  return list;
}

}  // namespace

TEST_CASE("quota by model: no more of a model is granted than it allows, of others any number") {
  fixture f{with_models({{"A100", milli{2000}}})};
  f.join(
      fixture::node("n", 16, {"NVIDIA A100-SXM4", "NVIDIA A100-SXM4", "NVIDIA A100-SXM4", "T4"}));
  auto const first = f.submitted(wants_model("A100"));
  auto const second = f.submitted(wants_model("a100"));
  auto const third = f.submitted(wants_model("A100"));
  CHECK(f.runs(first));
  CHECK(f.runs(second));
  CHECK(f.reason(third) == "quota of tenant lab: 2 of 2 GPUs of A100 are taken, this job needs 1");
  CHECK(f.runs(f.submitted(wants_model("T4"))));
  CHECK(held_models(f) == std::map<std::string, std::int64_t>{{"A100", 2000}});
  auto guest = wants_model("A100");
  guest.tenant_id = "guests";
  CHECK(f.runs(f.submitted(guest)));
  CHECK_FALSE(f.runs(third));
  f.end(second);
  CHECK(f.runs(third));
}

TEST_CASE("quota by model: a job that leaves the choice takes what its tenant may still have") {
  fixture f{with_models({{"A100", milli{1000}}, {"H100", milli{0}}})};
  f.join(fixture::node("a", 16, {"A100", "A100"}));
  f.join(fixture::node("h", 16, {"H100"}));
  auto const either = f.submitted(wants_model("A100|H100"));
  REQUIRE(f.runs(either));
  CHECK(f.granted(either).devices.front().model == "A100");
  auto const next = f.submitted(wants_model("A100|H100"));
  CHECK(f.reason(next) ==
        "quota of tenant lab: 1 of 1 GPUs of A100 are taken, 0 of 0 GPUs of H100 "
        "are taken, this job needs 1");
  auto const any = f.submitted(wants_model(""));
  CHECK(f.reason(any) ==
        "quota of tenant lab: 1 of 1 GPUs of A100 are taken, 0 of 0 GPUs of H100 "
        "are taken, this job needs 1; no GPU of another model has room for it");
  auto of_guests = wants_model("");
  of_guests.tenant_id = "guests";
  CHECK(f.runs(f.submitted(of_guests)));  // an equal request of a tenant that has no quota
  f.join(fixture::node("t", 16, {"T4"}));
  REQUIRE(f.runs(any));
  CHECK(f.granted(any).devices.front().model == "T4");
  CHECK_FALSE(f.runs(next));
  f.end(either);
  REQUIRE(f.runs(next));
  CHECK(f.granted(next).devices.front().model == "A100");
}

TEST_CASE("quota by model: one that is smaller than a job refuses it, and names the field") {
  fixture f{with_models({{"A100", milli{2000}}, {"H100", milli{1000}}})};
  f.join(fixture::node("n", 16, {"A100", "A100", "A100", "A100"}));
  auto const refused = f.submit(wants_model("A100", 4)).error;
  REQUIRE(refused);
  CHECK(refused->category == "refused");
  CHECK(refused->code == "quota");
  CHECK(refused->field == "resources");
  CHECK(refused->message.find("tenants.lab.quota.gpus_by_model.A100") != std::string::npos);
  CHECK(refused->message.find("expected at most 2") != std::string::npos);
  CHECK(f.submit(wants_model("A100|H100", 4)).error);
  CHECK_FALSE(f.submit(wants_model("A100|T4", 4)).error);  // there may be a T4
  CHECK_FALSE(f.submit(wants_model("", 4)).error);
  auto borrows = wants_model("A100", 4);
  borrows.constraints.preemptible = true;
  CHECK_FALSE(f.submit(borrows).error);
}

TEST_CASE("quota by model: jobs that may be preempted borrow, and give way to who is within it") {
  auto settings = with_models({{"A100", milli{1000}}});
  settings.tenants["guests"].quota.gpus_by_model = {{"A100", milli{2000}}};
  fixture f{settings};
  f.join(fixture::node("n", 16, {"A100", "A100"}));
  auto borrows = wants_model("A100", 2);
  borrows.constraints.preemptible = true;
  auto const large = f.submitted(borrows);
  REQUIRE(f.runs(large));
  CHECK(held_models(f).at("A100") == 2000);
  auto guest = wants_model("A100", 1);
  guest.tenant_id = "guests";
  auto const claims = f.submitted(guest);
  CHECK_FALSE(f.runs(claims));
  f.advance(11 * minute_ms);
  f.end(large, attempt_result::canceled);
  CHECK(f.runs(claims));
  CHECK_FALSE(f.runs(large));
}

TEST_CASE("quota by model: what a lost node had is held no more") {
  fixture f{with_models({{"A100", milli{1000}}})};
  f.join(fixture::node("n", 8, {"A100"}));
  auto const job = f.submitted(wants_model("A100"));
  REQUIRE(f.runs(job));
  f.silence("n");
  f.advance(20'000);
  CHECK_FALSE(f.runs(job));
  CHECK(held_models(f).at("A100") == 0);
  f.join(fixture::node("m", 8, {"A100"}));
  f.advance(2000);
  CHECK(f.runs(job));
}

TEST_CASE("quota by model: what runs counts over a restart, before and after its node has spoken") {
  fixture f{with_models({{"A100", milli{1000}}})};
  auto running = fixture::restored_on_n("lab");
  running.record.resources.gpu = "A100";
  running.record.resources.gpu_count = 1;
  running.record.devices = {{0, "n-0", "A100", 0, 1000, true}};
  f.apply(running);
  f.apply(restore_finished{});
  f.join(fixture::node("other", 8, {"A100"}));
  auto const next = f.submitted(wants_model("A100"));
  CHECK_FALSE(f.runs(next));
  CHECK(held_models(f).at("A100") == 1000);
  f.join(fixture::node("n", 8, {"A100"}),
         {{{{1}, 1}, milli{1000}, 0, {{0, "n-0", "A100", 0, 1000, true}}}});
  CHECK(held_models(f).at("A100") == 1000);
  CHECK_FALSE(f.runs(next));
  f.end_as("n", fixture::outcome_of({{1}, 1}, attempt_result::succeeded));
  CHECK(f.runs(next));
}

TEST_CASE("quota by model: never more is held, and what is left is used, whatever comes") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    CAPTURE(seed);
    std::mt19937_64 random{seed};
    auto const below = [&](std::uint64_t n) { return random() % n; };
    fixture f{with_models({{"A100", milli{2000}}, {"H100", milli{1500}}})};
    f.join(fixture::node("a", 16, {"A100", "A100", "A100"}));
    f.join(fixture::node("b", 16, {"H100", "H100", "T4"}));
    std::vector<std::string> const patterns{"A100", "H100", "A100|H100", "", "T4|A100"};
    std::vector<job_id> jobs;
    for (int i = 0; i < 150; ++i) {
      if (below(2) == 0) {
        auto s = wants_model(patterns[below(patterns.size())]);
        if (below(4) == 0)
          s.resources.gpu_share.value = 500;
        if (below(3) == 0)
          s.tenant_id = "guests";
        if (below(5) == 0)
          s.resources.gpu_count = s.resources.gpu_share.value < 1000 ? 1 : 2;
        if (auto const made = f.submit(s); !made.error)
          jobs.push_back(made.id);
      } else if (!jobs.empty()) {
        auto const job = jobs[below(jobs.size())];
        if (!f.has_ended(job) && f.runs(job))
          f.end(job);
        else if (!f.has_ended(job) && below(4) == 0)
          f.cancel(job);
      }
      f.advance(static_cast<std::int64_t>(below(3)) * 700);
      auto const now = held_models(f);
      if (now.empty())
        continue;
      CHECK(now.at("A100") <= 2000);
      CHECK(now.at("H100") <= 1500);
    }
    for (int round = 0; round < 400; ++round)
      for (auto const job : jobs)
        if (!f.has_ended(job) && f.runs(job))
          f.end(job);
    for (auto const job : jobs) {
      CAPTURE(job.value);
      CHECK(f.has_ended(job));
    }
  }
}
