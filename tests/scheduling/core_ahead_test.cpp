// Grants ahead: brief jobs wait on the node instead of at the scheduler.
#include "tests/scheduling/fixture.hpp"

using namespace nsai;
using namespace nsai::scheduling;
using namespace nsai::scheduling::tests;

namespace {

struct brief_jobs : fixture {
  /// One node, and a stage that is known to be brief.
  explicit brief_jobs(std::int64_t cores = 1, std::int64_t mean_ms = 0, std::int64_t mean_us = 0) {
    join(node("a", cores, {"A100"}));
    for (int i = 0; i < 2; ++i) {
      auto const g = grants_.at(submitted(job("brief")));
      auto outcome = outcome_of(g.ref, attempt_result::succeeded, mean_ms);
      outcome.busy_us = mean_us;
      end_as(g.node, outcome);
    }
    order_.clear();
  }
  std::vector<job_id> many(int n, submission s = job("brief")) {
    std::vector<job_id> ids;
    for (int i = 0; i < n; ++i)
      ids.push_back(submitted(s));
    return ids;
  }
  std::int64_t on_node() const { return described().running; }
  std::int64_t waiting() const { return described().queues.at("batch"); }
};

}  // namespace

TEST_CASE("ahead: only after two outcomes have shown that the stage is brief") {
  fixture f;
  f.join(f.node("a", 1));
  auto const first = f.submitted(f.job("brief"));
  auto const second = f.submitted(f.job("brief"));
  auto const third = f.submitted(f.job("brief"));
  CHECK(f.status(second) == job_status::queued);
  f.end(first, attempt_result::succeeded, 1);
  CHECK(f.status(third) == job_status::queued);
  f.end(second, attempt_result::succeeded, 1);
  CHECK(f.runs(third));
  auto const ahead = f.submitted(f.job("brief"));
  CHECK(f.runs(ahead));
  CHECK(f.seen<attempt_granted>().size() == 1);
  CHECK(f.record_of("a").running == 1);
  CHECK(f.record_of("a").cpus_used.value == 1000);
}

TEST_CASE("ahead: as much work as fifty milliseconds a slot, and the rest waits for its turn") {
  brief_jobs f{2, 10};
  f.many(40);
  CHECK(f.on_node() == 2 + 2 * 50 / 10);
  CHECK(f.waiting() == 40 - 12);
  // A node that measures milliseconds only: half of one is assumed.
  brief_jobs coarse{2, 0};
  coarse.many(300);
  CHECK(coarse.on_node() == 2 + 2 * 100);
  brief_jobs measured{2, 0, 250};
  measured.many(500);
  CHECK(measured.on_node() == 2 + 2 * 200);
  brief_jobs instant{2, 0, 1};
  instant.many(5000);
  CHECK(instant.on_node() == 2 + 4096);
  brief_jobs slow{1, 20};
  slow.many(5);
  CHECK(slow.on_node() == 1);
}

TEST_CASE(
    "ahead: when an attempt ends the oldest that waits on the node moves up, and one more is "
    "granted") {
  brief_jobs f{1, 10};
  auto const ids = f.many(10);
  REQUIRE(f.on_node() == 6);
  f.end(ids[0], attempt_result::succeeded, 10);
  CHECK(f.record_of("a").running == 1);
  CHECK(f.order_.back() == ids[6]);
  // The node may finish them in another order than the books think.
  f.end(ids[3], attempt_result::succeeded, 10);
  CHECK(f.only<outcome_settled>().accepted);
  CHECK(f.order_.back() == ids[7]);
  for (int i : {1, 2, 4, 5, 6, 7, 8, 9})
    f.end(ids[static_cast<std::size_t>(i)]);
  CHECK(f.described().live_jobs == 0);
  CHECK(f.record_of("a").cpus_used.value == 0);
}

TEST_CASE("ahead: not with memory, a GPU or a deadline") {
  brief_jobs f;
  f.many(1);
  auto s = f.job("brief");
  s.resources.memory_mb = 1;
  CHECK_FALSE(f.runs(f.submitted(s)));
  s = f.job("brief");
  s.constraints.deadline = f.now_ + 1'000'000;
  CHECK_FALSE(f.runs(f.submitted(s)));
  s = f.gpu_job("A100");
  s.stage = "brief";
  CHECK_FALSE(f.runs(f.submitted(s)));
}

TEST_CASE("ahead: nobody overtakes what waits on the node") {
  brief_jobs f{3, 10};
  auto wide = f.job("brief");
  wide.resources.cpu.value = 2000;
  auto const first = f.submitted(wide);
  auto const waits_there = f.submitted(wide);
  REQUIRE(f.runs(first));
  REQUIRE(f.runs(waits_there));
  auto const narrow = f.submitted(f.job());
  CHECK(f.record_of("a").cpus_used.value == 2000);
  CHECK_FALSE(f.runs(narrow));
  f.end(first);
  CHECK(f.record_of("a").cpus_used.value == 3000);
  CHECK(f.runs(narrow));
}

TEST_CASE("ahead: only for the most urgent level that waits for something possible") {
  brief_jobs f;
  f.many(1);
  auto s = f.job();
  s.priority = priority::interactive;
  auto const urgent = f.submitted(s);
  auto const late = f.submitted(f.job("brief"));
  CHECK_FALSE(f.runs(urgent));
  CHECK_FALSE(f.runs(late));
  f.end(f.order_.front());
  CHECK(f.runs(urgent));
  CHECK(f.runs(late));  // nothing more urgent waits now
  auto impossible = f.gpu_job("B200");
  impossible.priority = priority::interactive;
  f.submitted(impossible);
  CHECK(f.runs(f.submitted(f.job("brief"))));
}

TEST_CASE("ahead: what competes for the same cpu keeps its chance") {
  brief_jobs f;
  f.many(1);
  auto const other = f.submitted(f.job("echo"));
  auto const brief = f.submitted(f.job("brief"));
  CHECK_FALSE(f.runs(brief));
  f.end(f.order_.front());
  CHECK(f.runs(other));
}

TEST_CASE("ahead: tenants take turns there, too") {
  brief_jobs f{1, 10};
  f.many(1);
  auto mine = f.job("echo");
  auto const blocker = f.submitted(mine);  // keeps the queue from running ahead while it fills
  auto s = f.job("brief");
  std::vector<job_id> a;
  std::vector<job_id> b;
  s.tenant_id = "a";
  a = f.many(6, s);
  s.tenant_id = "b";
  b = f.many(6, s);
  f.cancel(blocker);
  CHECK(f.runs(a[0]));
  CHECK(f.runs(b[0]));
  CHECK(f.runs(a[1]));
  CHECK(f.runs(b[1]));
  CHECK_FALSE(f.runs(a[3]));
  CHECK_FALSE(f.runs(b[3]));
}

TEST_CASE("ahead: a lost node blames nobody who only waited there") {
  brief_jobs f;
  auto const ids = f.many(4);
  f.silence("a");
  f.advance(5000);
  std::map<job_id, job_changed> last;
  for (auto const& c : f.seen<job_changed>())
    last[c.id] = c;
  CHECK(last.at(ids[0]).infra_failures == 1);
  for (int i = 1; i < 4; ++i) {
    CHECK(last.at(ids[static_cast<std::size_t>(i)]).infra_failures == 0);
    CHECK(f.status(ids[static_cast<std::size_t>(i)]) == job_status::queued);
  }
}

TEST_CASE(
    "ahead: cancel and return work as for any attempt, a return from the queue blames nobody") {
  brief_jobs f;
  auto const ids = f.many(3);
  f.cancel(ids[1]);
  CHECK(f.only<attempt_stopped>().ref == attempt_ref{ids[1], 1});
  f.end(ids[1], attempt_result::canceled);
  CHECK(f.status(ids[1]) == job_status::canceled);
  f.end(ids[2], attempt_result::returned);
  CHECK(f.seen<job_changed>().at(0).infra_failures == 0);
  CHECK(f.granted(ids[2]).ref.attempt == 2);
}

TEST_CASE("ahead: a node that reconnects keeps what waits on it") {
  brief_jobs f;
  auto const ids = f.many(3);
  std::vector<held_attempt> held;
  for (auto const id : ids)
    held.push_back(f.held(id));
  f.disconnect("a");
  f.join(f.node("a", 1, {"A100"}), held);
  CHECK(f.on_node() == 3);
  CHECK(f.record_of("a").running == 1);
  f.end(ids[0]);
  CHECK(f.record_of("a").running == 1);
}
