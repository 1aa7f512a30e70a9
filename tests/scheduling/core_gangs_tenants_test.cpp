// Gangs and what tenants may have and spend.
#include "tests/scheduling/gangs.hpp"
#include "tests/scheduling/restartable.hpp"

using namespace nsai;
using namespace nsai::scheduling;
using namespace nsai::scheduling::tests;

namespace {

constexpr std::int64_t one_hour_ms = 60 * minute_ms;

/// Three nodes of two cores for a USD an hour each.
void join_priced(fixture& f) {
  for (auto const* const name : {"a", "b", "c"}) {
    auto n = f.node(name, 2);
    n.price_per_hour_usd = micro{1'000'000};
    f.join(n);
  }
}

/// Three members that cost a USD an hour each, and may cost so many together.
submission priced_gang(std::int64_t most_usd) {
  auto s = gang_of(3, 2);
  s.constraints.timeout_ms = 0;
  s.constraints.max_cost_usd = micro{most_usd * 1'000'000};
  return s;
}

submission gang_of_gpus(std::int32_t nodes, std::string model) {
  auto s = fixture::gpu_job(std::move(model), 1);
  s.tenant_id = "lab";
  s.nodes = nodes;
  return s;
}

core_settings with_two_a100() {
  core_settings s;
  s.tenants["lab"].quota.gpus_by_model = {{"A100", milli{2000}}};
  return s;
}

std::int64_t spent(fixture const& f, std::string const& tenant) {
  for (auto const& t : f.core_.tenants())
    if (t.tenant_id == tenant)
      return t.spent_usd.value;
  return 0;
}

}  // namespace

TEST_CASE("gang quota by model: it counts for all members together") {
  fixture f{with_two_a100()};
  for (auto const* const name : {"a", "b", "c"})
    f.join(f.node(name, 8, {"A100"}));
  auto const refused = f.submit(gang_of_gpus(3, "A100"));
  REQUIRE(refused.error);
  CHECK(refused.error->message.find("tenants.lab.quota.gpus_by_model.A100") != std::string::npos);
  auto const single = f.submitted(gang_of_gpus(1, "A100"));
  auto const gang = f.submit(gang_of_gpus(2, "A100"));
  REQUIRE_FALSE(gang.error);
  CHECK(f.reason(gang.id) ==
        "quota of tenant lab: 1 of 2 GPUs of A100 are taken, this job needs 2");
  f.end(single);
  CHECK(f.status(gang.id) == job_status::running);
}

TEST_CASE("gang quota by model: one that leaves the choice goes where its tenant may go") {
  fixture f{with_two_a100()};
  for (auto const* const name : {"a", "b", "c"})
    f.join(f.node(name, 8, {"A100"}));
  f.join(f.node("d", 8, {"H100"}));
  auto const gang = f.submit(gang_of_gpus(3, ""));
  REQUIRE_FALSE(gang.error);
  CHECK(f.reason(gang.id) ==
        "quota of tenant lab: 0 of 2 GPUs of A100 are taken, this job needs 3; GPUs of other "
        "models have no room for it");
  auto other = gang_of_gpus(3, "");
  other.tenant_id = "guests";  // of the same shape
  CHECK(f.status(f.submit(other).id) == job_status::running);
  f.join(f.node("e", 8, {"H100"}));
  CHECK(f.status(gang.id) == job_status::queued);
  f.join(f.node("f", 8, {"H100"}));
  f.join(f.node("g", 8, {"H100"}));
  REQUIRE(f.status(gang.id) == job_status::running);
  for (std::uint64_t rank = 0; rank < 3; ++rank)
    CHECK(f.granted(member(gang.id, rank)).devices.at(0).model == "H100");
}

TEST_CASE("gang cost: max_cost_usd is of all members together, and stops all") {
  fixture f;
  join_priced(f);
  auto const gang = f.submit(priced_gang(3)).id;
  REQUIRE(f.status(gang) == job_status::running);
  f.advance(one_hour_ms - 1000);
  CHECK(stopped(f).empty());
  f.advance(1000);
  CHECK(stopped(f).size() == 3);
  for (std::uint64_t rank = 0; rank < 3; ++rank)
    f.end(member(gang, rank), attempt_result::canceled, one_hour_ms);
  auto const& over = f.ended(gang);
  CHECK(over.status == job_status::failed);
  REQUIRE(over.error);
  CHECK(over.error->code == "max_cost");
  CHECK(over.error->message ==
        "constraints.max_cost_usd: the job has cost 3 USD, and may cost 3 USD");
  CHECK(f.ended(member(gang, 1)).cost == micro{1'000'000});
  CHECK(spent(f, "default") == 3'000'000);
}

TEST_CASE("gang cost: members that are done cost no more, so the others may go on for longer") {
  fixture f;
  join_priced(f);
  auto const gang = f.submit(priced_gang(3)).id;
  f.advance(one_hour_ms / 2);
  f.end(member(gang, 0), attempt_result::succeeded, one_hour_ms / 2);
  f.end(member(gang, 2), attempt_result::succeeded, one_hour_ms / 2);
  f.advance(3 * one_hour_ms / 2 - 1000);
  CHECK(stopped(f).empty());
  f.advance(1000);
  REQUIRE(stopped(f).size() == 1);
  f.end(member(gang, 1), attempt_result::canceled, 2 * one_hour_ms);
  CHECK(f.ended(gang).error->code == "max_cost");
}

TEST_CASE("gang cost: what a failure of its own has stopped is paid, what others' doing, is not") {
  fixture f;
  join_priced(f);
  auto const gang = f.submit(priced_gang(3)).id;
  f.advance(one_hour_ms / 2);
  SUBCASE("a failure of its own") {
    f.end(member(gang, 0), attempt_result::failed, one_hour_ms / 2);
    f.end(member(gang, 1), attempt_result::canceled, one_hour_ms / 2);
    f.end(member(gang, 2), attempt_result::canceled, one_hour_ms / 2);
    f.decide(gang, true);
    CHECK(spent(f, "default") == 1'500'000);
    REQUIRE(f.status(gang) == job_status::running);
    f.advance(one_hour_ms / 2);
    CHECK(stopped(f).size() == 3);
  }
  SUBCASE("an end of another member that was none of its own") {
    f.end(member(gang, 0), attempt_result::device_fault, one_hour_ms / 2);
    f.end(member(gang, 1), attempt_result::canceled, one_hour_ms / 2);
    f.end(member(gang, 2), attempt_result::canceled, one_hour_ms / 2);
    CHECK(spent(f, "default") == 0);
    f.advance(2000);
    REQUIRE(f.status(gang) == job_status::running);
    f.advance(one_hour_ms - 2000);
    CHECK(stopped(f).empty());
    f.advance(2000);
    CHECK(stopped(f).size() == 3);
  }
}

TEST_CASE("gang cost: a failure that has cost all of it is not tried again") {
  fixture f;
  join_priced(f);
  auto s = priced_gang(3);
  s.constraints.max_retries = 5;
  auto const gang = f.submit(s).id;
  f.advance(one_hour_ms - 1);
  f.end(member(gang, 0), attempt_result::failed, one_hour_ms - 1);
  f.advance(5000);
  f.end(member(gang, 1), attempt_result::canceled, one_hour_ms + 4999);
  f.end(member(gang, 2), attempt_result::canceled, one_hour_ms + 4999);
  CHECK(f.ended(gang).error->code == "max_cost");
}

TEST_CASE("gang cost: a budget that is spent keeps gangs back, too") {
  core_settings settings;
  settings.tenants["default"].budget_usd = micro{1'000'000};
  fixture f{settings};
  join_priced(f);
  auto const running = f.submit(gang_of(3, 2)).id;
  auto const waiting = f.submit(gang_of(3, 2)).id;
  f.advance(one_hour_ms / 2);
  for (std::uint64_t rank = 0; rank < 3; ++rank)
    f.end(member(running, rank), attempt_result::succeeded, one_hour_ms / 2);
  CHECK(f.status(waiting) == job_status::queued);
  CHECK(f.reason(waiting) == "budget of tenant default: 1.5 USD of 1 USD are spent");
}

TEST_CASE("gang cost: what rounding leaves of it does not keep the gang, nor the clock, waiting") {
  fixture f;
  for (auto const* const name : {"a", "b", "c"}) {
    auto n = f.node(name, 2);
    n.price_per_hour_usd = micro{1'000'001};
    f.join(n);
  }
  auto s = priced_gang(1);
  s.constraints.max_cost_usd = micro{11};
  auto const gang = f.submit(s).id;
  REQUIRE(f.status(gang) == job_status::running);
  f.advance(1000);
  CHECK(stopped(f).size() == 3);
}

TEST_CASE("gang cost: a restart goes on counting") {
  restartable f;
  join_priced(f);
  auto const gang = f.submit_stored(priced_gang(3));
  REQUIRE(f.status(gang) == job_status::running);
  f.advance(one_hour_ms / 2);
  f.keep();
  f.restart();
  for (std::uint64_t rank = 0; rank < 3; ++rank) {
    auto node = f.node(f.place_of(member(gang, rank)), 2);
    node.price_per_hour_usd = micro{1'000'000};
    f.join(node, {f.held(member(gang, rank))});
  }
  f.advance(one_hour_ms / 2 - 1000);
  f.keep();
  CHECK(stopped(f).empty());
  f.advance(1000);
  CHECK(stopped(f).size() == 3);
}
