// Gangs over a restart of the scheduler.
#include "tests/scheduling/gangs.hpp"
#include "tests/scheduling/restartable.hpp"

using namespace nsai;
using namespace nsai::scheduling;
using namespace nsai::scheduling::tests;

namespace {

job_restored row_of(job_id id, job_status status, attempt_no attempt) {
  job_restored e;
  e.record.id = id;
  e.record.stage = "echo";
  e.record.tenant_id = "default";
  e.record.status = status;
  e.record.attempt = attempt;
  e.record.constraints.max_retries = 1;
  e.record.resources.cpu.value = 1000;
  return e;
}

/// A gang of three in its second attempt, as the store has it: members on nodes a, b and c.
std::vector<job_restored> running_gang() {
  std::vector<job_restored> rows{row_of({1}, job_status::running, 2)};
  rows[0].nodes = 3;
  rows[0].own_failures = 1;
  for (std::uint64_t rank = 0; rank < 3; ++rank) {
    auto row = row_of(member({1}, rank), job_status::running, 2);
    row.record.parent_id = job_id{1};
    row.node_uuid = row.record.node = std::string(1, static_cast<char>('a' + rank));
    row.incarnation = 1;
    rows.push_back(std::move(row));
  }
  return rows;
}

void restore(fixture& f, std::vector<job_restored> const& rows) {
  for (auto const& row : rows)
    f.apply(row);
  f.apply(restore_finished{});
  for (auto const& row : rows)
    if (!row.node_uuid.empty())
      f.grants_[row.record.id] = {{row.record.id, row.record.attempt}, row.node_uuid, 0, {}};
}

void come_back(fixture& f, std::string const& node, std::vector<job_id> const& holds) {
  std::vector<held_attempt> held;
  for (auto const id : holds)
    held.push_back(f.held(id));
  f.join(f.node(node, 2), held);
}

}  // namespace

TEST_CASE("gang restart: it runs on when its nodes come back") {
  fixture f;
  auto rows = running_gang();
  rows[2].over = attempt_result::succeeded;
  restore(f, rows);
  CHECK(f.status({1}) == job_status::running);
  come_back(f, "a", {{2}});
  come_back(f, "c", {{4}});
  CHECK(stopped(f).empty());
  f.end({2});
  f.end({4});
  CHECK(f.ended({1}).status == job_status::succeeded);
  CHECK(f.ended({3}).from_kept);
}

TEST_CASE("gang restart: what is over stays over, the rest is stopped, and it is counted once") {
  fixture f;
  auto rows = running_gang();
  rows[2].over = attempt_result::lost;
  rows[2].over_error = error_info{};
  rows[0].infra_failures = 1;
  rows[1].handed_back = true;  // that of the last had not become durable
  restore(f, rows);
  come_back(f, "a", {{2}});
  CHECK(stopped(f) == std::vector<attempt_ref>{{{2}, 2}});
  come_back(f, "c", {{4}});
  CHECK(stopped(f) == std::vector<attempt_ref>{{{4}, 2}});
  f.end({4}, attempt_result::canceled);
  f.end({2}, attempt_result::canceled);
  f.join(f.node("b", 2));
  f.advance(1000);
  CHECK(f.granted({2}).ref.attempt == 3);
  CHECK(f.granted({4}).ref.attempt == 3);
}

TEST_CASE("gang restart: the failure that had used up the retries ends it when all are gone") {
  fixture f;
  auto rows = running_gang();
  rows[0].own_failures = 2;
  rows[3].over = attempt_result::failed;
  rows[3].over_error = f.outcome_of({}, attempt_result::failed).error;
  rows[1].over = attempt_result::returned;
  rows[1].over_error = error_of("infra", "gang_over", "stopped");
  rows[2].handed_back = true;
  restore(f, rows);
  come_back(f, "b", {});
  CHECK(f.ended({1}).status == job_status::failed);
  CHECK(f.ended({1}).error->message == "rank 2 (job 4): it broke");
}

TEST_CASE("gang restart: a node that does not come back loses its member, and all start anew") {
  core_settings settings;
  settings.adopt_ms = 5000;
  fixture f{settings};
  restore(f, running_gang());
  come_back(f, "a", {{2}});
  come_back(f, "b", {{3}});
  f.advance(5000);
  CHECK(stopped(f).size() == 2);
  f.end({2}, attempt_result::canceled);
  f.end({3}, attempt_result::canceled);
  f.join(f.node("d", 2));
  f.advance(1000);
  CHECK(f.granted({4}).ref.attempt == 3);
}

TEST_CASE("gang restart: one that waited waits on as a whole") {
  fixture f;
  std::vector<job_restored> rows{row_of({1}, job_status::queued, 1)};
  rows[0].nodes = 2;
  for (std::uint64_t id : {2, 3}) {
    rows.push_back(row_of({id}, job_status::queued, 1));
    rows.back().record.parent_id = job_id{1};
  }
  restore(f, rows);
  CHECK_FALSE(f.submit(gang_of(4)).error);  // who is there is not known yet
  f.join(f.node("a", 2));
  CHECK(f.status({1}) == job_status::queued);
  f.join(f.node("b", 2));
  CHECK(f.granted({2}).ref.attempt == 2);
  CHECK(f.granted({3}).ref.attempt == 2);
}

TEST_CASE("gang restart: one that waited for the supervisor asks again, and backs off to the end") {
  for (auto const asked : {true, false}) {
    fixture f;
    std::vector<job_restored> rows{row_of({1}, job_status::pending, 1)};
    rows[0].nodes = 2;
    rows[0].own_failures = 1;
    if (!asked)
      rows[0].eligible_at = f.now_ + 700;
    for (std::uint64_t id : {2, 3}) {
      rows.push_back(row_of({id}, job_status::pending, 1));
      rows.back().record.parent_id = job_id{1};
    }
    restore(f, rows);
    join_three(f);
    if (asked)
      f.decide({1}, true);
    else
      f.advance(700);
    CHECK(f.granted({2}).ref.attempt == 2);
    CHECK(f.granted({3}).ref.attempt == 2);
  }
}

TEST_CASE("gang restart: a cancel holds") {
  fixture f;
  auto rows = running_gang();
  for (auto& row : rows)
    row.cancel_requested = true;
  restore(f, rows);
  for (std::uint64_t rank = 0; rank < 3; ++rank) {
    come_back(f, std::string(1, static_cast<char>('a' + rank)), {member({1}, rank)});
    f.end(member({1}, rank), attempt_result::canceled);
  }
  CHECK(f.ended({1}).status == job_status::canceled);
}

TEST_CASE("gang restart: a failure that a lost node explained counts once that is forgotten") {
  for (auto const restarts : {false, true}) {
    restartable f;
    join_three(f);
    f.keep();
    auto s = gang_of(3);
    s.constraints.max_retries = 0;
    auto const id = f.submit_stored(s);
    auto const dead = f.place_of(member(id, 0));
    auto const slow = f.place_of(member(id, 2));
    f.silence(dead);
    f.jump(1);
    f.fail_stored(member(id, 1));
    f.advance(7000);
    f.keep();
    REQUIRE(f.record_of(dead).status == node_status::lost);
    if (restarts) {
      f.restart();
      come_back(f, slow, {member(id, 2)});
    }
    f.join(f.node("d", 2));
    f.end(member(id, 2), attempt_result::canceled);
    CHECK(f.has_ended(id) == restarts);
    f.advance(1000);
    if (restarts)
      CHECK(f.ended(id).error->message == "rank 1 (job 3): it broke");
    else
      CHECK(f.granted(member(id, 0)).ref.attempt == 2);
    CHECK(f.consults_.empty());
  }
}
