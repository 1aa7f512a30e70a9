// Why a job waits: a case for each rule.
#include <set>

#include "tests/scheduling/gangs.hpp"
#include "tests/scheduling/restartable.hpp"

using namespace nsai;
using namespace nsai::scheduling;
using namespace nsai::scheduling::tests;

namespace {

/// The rules that some case has seen; the last case looks whether one is missing.
std::set<wait_rule>& rules_seen() {
  static std::set<wait_rule> rules;
  return rules;
}

struct explaining : fixture {
  using fixture::fixture;
  explanation why(job_id job) const {
    auto e = core_.explain(job);
    rules_seen().insert(e.rule);
    CHECK(e.job == job);
    CHECK(e.status == status(job));
    CHECK(e.reason == reason(job));
    CHECK(e.reason.empty() == (e.rule == wait_rule::none));
    return e;
  }
  wait_rule rule(job_id job) const { return why(job).rule; }
  static submission lasting(std::int64_t ms) {
    auto s = job();
    s.constraints.timeout_ms = ms;
    return s;
  }
  static submission cores(std::int64_t count, std::int64_t ms = minute_ms) {
    auto s = lasting(ms);
    s.resources.cpu.value = count * 1000;
    return s;
  }
};

}  // namespace

TEST_CASE("explain: what runs waits for nothing") {
  explaining f;
  f.join(f.node("a", 1));
  auto const job = f.submitted(f.job());
  auto const e = f.why(job);
  CHECK(e.rule == wait_rule::none);
  CHECK(e.nodes.empty());
  CHECK(e.holders.empty());
}

TEST_CASE("explain: no node could ever run it, and what each class of nodes lacks") {
  explaining f;
  auto wanted = f.gpu_job("H100", 4);
  wanted.resources.cpu.value = 16'000;
  wanted.resources.node_labels["disk"] = "ssd";
  auto const job = f.submitted(wanted);
  CHECK(f.rule(job) == wait_rule::no_node);

  auto bare = f.node("bare", 8);
  bare.stages.clear();
  f.join(bare);
  CHECK(f.rule(job) == wait_rule::stage);
  f.join(f.node("plain-1", 8));
  f.join(f.node("plain-2", 8));
  CHECK(f.rule(job) == wait_rule::labels);
  auto labeled = f.node("a100", 32, {"A100", "A100"});
  labeled.labels["disk"] = "ssd";
  f.join(labeled);
  CHECK(f.rule(job) == wait_rule::gpu_model);
  auto small = f.node("h100", 8, {"H100", "H100"});
  small.labels["disk"] = "ssd";
  f.join(small);

  auto const e = f.why(job);
  CHECK(e.rule == wait_rule::size);
  REQUIRE(e.nodes.size() == 4);
  CHECK(e.nodes[0].nodes == 2);
  CHECK(e.nodes[0].example == "plain-1");
  CHECK(e.nodes[0].rule == wait_rule::labels);
  CHECK(e.nodes[0].why == "does not have the labels disk=ssd");
  auto const of = [&](std::string const& name) {
    for (auto const& c : e.nodes)
      if (c.example == name)
        return c;
    FAIL("no class has the node " << name);
    return node_class{};
  };
  CHECK(of("bare").why == "does not have the stage echo");
  CHECK(of("a100").why == "has no GPU that matches H100");
  CHECK(of("a100").has == "cpu 32, memory 100000 MiB, 2 GPUs of A100");
  CHECK(of("h100").rule == wait_rule::size);
  CHECK(of("h100").why == "is too small: does not have cpu 16");
}

TEST_CASE("explain: all that fits is busy, and who holds it until when") {
  explaining f;
  f.join(f.node("a", 4, {"A100", "A100"}));
  auto one = f.gpu_job("A100");
  one.constraints.timeout_ms = 10 * minute_ms;
  auto const first = f.submitted(one);
  f.advance(minute_ms);
  one.constraints.timeout_ms = 0;
  auto const endless = f.submitted(one);
  f.submitted(f.lasting(minute_ms));  // has no GPU, and so nothing that is waited for
  auto const waits = f.submitted(one);
  auto const e = f.why(waits);
  CHECK(e.rule == wait_rule::busy);
  REQUIRE(e.holders.size() == 2);
  CHECK(e.holders[0].job == first);
  CHECK(e.holders[0].node == "a");
  CHECK(e.holders[0].gpus.size() == 1);
  CHECK(e.holders[0].until == f.now_ + 9 * minute_ms);
  CHECK(e.holders[1].job == endless);
  CHECK_FALSE(e.holders[1].until);
  REQUIRE(e.nodes.size() == 1);
  CHECK(e.nodes[0].rule == wait_rule::busy);
  CHECK(e.nodes[0].why == "is busy: node a has cpu 1, 0 such GPUs free");
}

TEST_CASE("explain: a more urgent job comes first, or one of a tenant with less use") {
  core_settings settings;
  settings.tenants["*"].max_priority = priority::realtime;
  explaining f{settings};
  f.join(f.node("a", 1));
  auto mine = f.lasting(10 * minute_ms);
  mine.tenant_id = "mine";
  f.submitted(mine);
  f.advance(5 * minute_ms);
  auto const waits = f.submitted(mine);
  CHECK(f.rule(waits) == wait_rule::busy);
  auto other = f.lasting(minute_ms);
  other.tenant_id = "other";
  auto const theirs = f.submitted(other);
  auto e = f.why(waits);
  CHECK(e.rule == wait_rule::fair_share);
  CHECK(e.waits_for == std::vector{theirs});
  CHECK(e.reason.find("of tenant other comes first") != std::string::npos);
  other.priority = priority::interactive;
  auto const urgent = f.submitted(other);
  e = f.why(waits);
  CHECK(e.rule == wait_rule::priority);
  CHECK(e.waits_for == std::vector{urgent});
  CHECK(f.rule(urgent) == wait_rule::busy);
}

TEST_CASE("explain: quota, group, array limit, time, backoff and the supervisor") {
  core_settings settings;
  settings.tenants["q"].quota.running = 1;
  explaining f{settings};
  f.join(f.node("a", 8));
  auto bounded = f.job();
  bounded.tenant_id = "q";
  f.submitted(bounded);
  CHECK(f.rule(f.submitted(bounded)) == wait_rule::quota);

  auto grouped = f.job();
  grouped.constraints.concurrency_group = "g";
  f.submitted(grouped);
  CHECK(f.rule(f.submitted(grouped)) == wait_rule::group);

  auto array = f.job();
  array.array = array_spec{0, 2, 1, 1, {}};
  auto const parent = f.submitted(array);
  CHECK(f.rule({parent.value + 2}) == wait_rule::array_limit);

  auto later = f.job();
  later.constraints.not_before = f.now_ + 7000;
  CHECK(f.rule(f.submitted(later)) == wait_rule::not_before);

  auto const fails = f.submitted(f.job());
  f.end(fails, attempt_result::failed);
  CHECK(f.rule(fails) == wait_rule::supervisor);
  f.decide(fails, true, 5000);
  CHECK(f.rule(fails) == wait_rule::backoff);
}

TEST_CASE("explain: the budget of its tenant is spent") {
  core_settings settings;
  settings.tenants["lab"].budget_usd = micro{1'000'000};
  explaining f{settings};
  auto priced = f.node("n", 1);
  priced.price_per_hour_usd = micro{1'000'000};
  f.join(priced);
  auto of_lab = f.job();
  of_lab.tenant_id = "lab";
  auto const first = f.submitted(of_lab);
  auto const waits = f.submitted(of_lab);
  f.advance(60 * minute_ms);
  f.end(first, attempt_result::succeeded, 60 * minute_ms);
  CHECK(f.rule(waits) == wait_rule::budget);
}

TEST_CASE("explain: dependencies, of a child those of its parent") {
  explaining f;
  f.join(f.node("a", 8));
  auto const first = f.submitted(f.job());
  auto const second = f.submitted(f.job());
  auto after = f.job();
  after.constraints.depends_on = {second, first};
  auto const waits = f.submitted(after);
  CHECK(f.rule(waits) == wait_rule::dependency);
  CHECK(f.why(waits).waits_for == std::vector{first, second});
  f.end(first);
  CHECK(f.why(waits).waits_for == std::vector{second});
  after.constraints.depends_on = {};
  after.constraints.after_any = {second};
  after.array = array_spec{0, 1, 1, 0, {}};
  auto const parent = f.submitted(after);
  auto const e = f.why({parent.value + 1});
  CHECK(e.rule == wait_rule::dependency);
  CHECK(e.waits_for == std::vector{second});
  CHECK(e.reason == "waiting for job " + std::to_string(second.value) + " to end");
}

TEST_CASE("explain: a parent waits for its first child") {
  explaining f;
  auto array = f.job();
  array.array = array_spec{0, 1, 1, 0, {}};
  CHECK(f.rule(f.submitted(array)) == wait_rule::child);
}

TEST_CASE("explain: a gang waits for as many nodes at once, and members for the others") {
  explaining f;
  f.join(f.node("a", 2));
  f.join(f.node("b", 2));
  auto const first = f.submitted(f.cores(2));
  auto const gang = f.submitted(gang_of(2));
  auto e = f.why(gang);
  CHECK(e.rule == wait_rule::gang);
  CHECK(e.reason == "needs 2 nodes with cpu 1 each; 1 has room now");
  REQUIRE(e.holders.size() == 1);
  CHECK(e.holders[0].job == first);
  CHECK(e.nodes.size() == 2);
  auto const of_member = f.why(member(gang, 1));
  CHECK(of_member.reason == e.reason);
  CHECK(of_member.holders.size() == 1);
  f.advance(5000);
  CHECK(f.rule(gang) == wait_rule::room_kept);
  f.end(first);
  f.end(member(gang, 0));
  CHECK(f.rule(member(gang, 0)) == wait_rule::gang);
  CHECK(f.why(gang).rule == wait_rule::none);
}

TEST_CASE("explain: room that is kept, for it and for another job") {
  explaining f;
  f.join(f.node("a", 4));
  auto const first = f.submitted(f.cores(2, 10 * minute_ms));
  auto const second = f.submitted(f.cores(2, 20 * minute_ms));
  auto const large = f.submitted(f.cores(4));
  f.advance(5000);
  f.end(first);
  auto const small = f.submitted(f.cores(1, 60 * minute_ms));
  auto e = f.why(large);
  CHECK(e.rule == wait_rule::room_kept);
  REQUIRE(e.holders.size() == 1);
  CHECK(e.holders[0].job == second);
  e = f.why(small);
  CHECK(e.rule == wait_rule::reservation);
  CHECK(e.waits_for == std::vector{large});
}

TEST_CASE("explain: nodes that drain, are silent, or cannot start anything") {
  explaining f;
  f.join(f.node("a", 1));
  f.join(f.node("b", 1));
  auto const first = f.submitted(f.job());
  f.submitted(f.job());
  auto const waits = f.submitted(f.job());
  f.drain("a");
  f.drain("b");
  auto const e = f.why(waits);
  CHECK(e.rule == wait_rule::service);
  REQUIRE(e.nodes.size() == 1);
  CHECK(e.nodes[0].nodes == 2);
  f.resume("a");
  CHECK(f.rule(waits) == wait_rule::busy);
  f.disconnect("a");
  CHECK(f.rule(waits) == wait_rule::silent);
  f.beat("a");
  auto outcome = f.outcome_of(f.granted(first).ref, attempt_result::returned);
  outcome.error = error_of("infra", "node_disk", "No space left on device");
  f.end_as("a", outcome);
  CHECK(f.rule(waits) == wait_rule::unable);
}

TEST_CASE("explain: GPU memory that strangers hold") {
  explaining f;
  f.join(f.node("a", 8, {"A100"}));
  gpu_state state;
  state.foreign_mb = 20'000;
  f.apply(node_beat{"a", f.session("a"), {}, {}, {state}});
  CHECK(f.rule(f.submitted(f.gpu_job("A100"))) == wait_rule::gpu_memory);
}

TEST_CASE("explain: hardware that has failed, and nodes where jobs fail one after the other") {
  explaining f;
  f.join(f.node("a", 8, {"A100"}));
  auto const first = f.submitted(f.gpu_job("A100"));
  f.end(first, attempt_result::device_fault);
  f.advance(2000);
  auto const e = f.why(first);
  CHECK(e.rule == wait_rule::quarantine);
  REQUIRE(e.nodes.size() == 1);
  CHECK(e.nodes[0].why.starts_with("GPU 0 of node a is quarantined until "));

  f.leave("a");
  f.join(f.node("b", 8));
  auto once = f.job();
  once.constraints.max_retries = 0;
  for (int i = 0; i < 5; ++i)
    f.end(f.submitted(once), attempt_result::failed);
  f.submitted(once);
  CHECK(f.rule(f.submitted(once)) == wait_rule::probation);
}

TEST_CASE("explain: after a restart a job that ran waits for its node to confirm that") {
  restartable f;
  f.join(f.node("a", 1));
  auto const job = f.submit_stored(f.job());
  f.restart();
  auto const e = f.core_.explain(job);
  rules_seen().insert(e.rule);
  CHECK(e.rule == wait_rule::confirmation);
  CHECK(e.reason == "waiting for node a to confirm attempt 1");
}

TEST_CASE("explain: every rule has a case") {
  for (std::size_t i = 0; i < enum_names(wait_rule{}).size(); ++i) {
    auto const name = enum_names(wait_rule{})[i];
    CAPTURE(name);
    CHECK(rules_seen().contains(static_cast<wait_rule>(i)));
  }
}
