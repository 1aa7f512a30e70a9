#include "store/job_store.hpp"

#include <map>
#include <random>
#include <set>

#include <doctest/doctest.h>

#include "store/sqlite.hpp"
#include "tests/store/fixture.hpp"

using namespace nsai;
using namespace nsai::store;
using namespace nsai::store::tests;

namespace {

std::map<job_status, std::int64_t> counts(job_store const& s) {
  std::map<job_status, std::int64_t> all;
  for (auto const& [status, count] : s.counts())
    all[status] = count;
  return all;
}

std::vector<std::uint64_t> unfinished(job_store const& s) {
  std::vector<std::uint64_t> ids;
  s.load_unfinished([&](unfinished_job&& j) { ids.push_back(j.record.id.value); });
  return ids;
}

}  // namespace

TEST_CASE("a job's life is in its record, and still there when the store is opened again") {
  folder f;
  {
    job_store s{options_at(f)};
    auto job = fresh(1);
    job.record.tags = {"a", "b"};
    job.record.resources.cpu = milli{2500};
    job.record.constraints.max_retries = 4;
    job.key = "k";
    job.key_digest = "digest";
    s.commit({job});
    s.commit({grant(1, 1)});
    attempt_record lost;
    lost.number = 1;
    lost.outcome = attempt_result::lost;
    lost.duration_ms = 20;
    s.commit(
        {close_attempt{{1}, lost}, change_job{{1}, job_status::pending, 0, 1, {9000}, {}, false}});
    s.commit({grant(1, 2), end(1)});
  }
  job_store s{options_at(f)};
  auto const r = s.find({1});
  REQUIRE(r);
  CHECK(r->status == job_status::succeeded);
  CHECK(r->tags == std::vector<std::string>{"a", "b"});
  CHECK(r->resources.cpu == milli{2500});
  CHECK(r->constraints.max_retries == 4);
  CHECK(r->options.text == R"({"text":"hi"})");
  CHECK(r->result.text == R"({"answer":42})");
  CHECK(r->attempt == 2);
  REQUIRE(r->attempts.size() == 2);
  CHECK(r->attempts[0].outcome == attempt_result::lost);
  CHECK(r->attempts[0].node == "n");
  CHECK(r->attempts[1].outcome == attempt_result::succeeded);
  CHECK(r->started_at == timestamp{2500});
  CHECK(s.find_key("t", "k")->id == job_id{1});
  CHECK(s.key_digest("t", "k") == "digest");
  CHECK_FALSE(s.find_key("other", "k"));
  CHECK(s.last_used() == job_id{1});
  CHECK(s.integrity().empty());
  CHECK_FALSE(s.find({2}));
}

TEST_CASE(
    "a commit is all or nothing: one bad change leaves the others out, and the next commit works") {
  folder f;
  job_store s{options_at(f)};
  s.commit({fresh(1)});
  CHECK_THROWS_AS(s.commit({fresh(2), end(1), end(99)}), store_error);
  CHECK_FALSE(s.find({2}));
  CHECK(s.find({1})->status == job_status::queued);
  CHECK(s.last_used() == job_id{1});
  CHECK(counts(s)[job_status::succeeded] == 0);
  s.commit({fresh(2), end(1)});
  CHECK(counts(s)[job_status::succeeded] == 1);
}

TEST_CASE(
    "what may not happen is refused: twice the same number, an attempt's number again, a change "
    "after the end") {
  folder f;
  job_store s{options_at(f)};
  s.commit({fresh(1), grant(1, 1)});
  CHECK_THROWS_AS(s.commit({fresh(1)}), store_error);
  CHECK_THROWS_AS(s.commit({grant(1, 1)}), store_error);
  CHECK_THROWS_AS(s.commit({end(1, job_status::running)}), store_error);
  s.commit({end(1)});
  CHECK_THROWS_AS(s.commit({end(1, job_status::failed)}), store_error);
  CHECK_THROWS_AS(s.commit({grant(1, 2)}), store_error);
  CHECK_THROWS_AS(s.commit({fresh(1)}), store_error);
  CHECK(s.find({1})->status == job_status::succeeded);
}

TEST_CASE("the numbers of attempts stay used over a restart") {
  folder f;
  job_store{options_at(f)}.commit({fresh(1), grant(1, 3)});
  job_store s{options_at(f)};
  CHECK_THROWS_AS(s.commit({grant(1, 3)}), store_error);
  s.commit({grant(1, 4)});
}

TEST_CASE("a restart finds the unfinished jobs with what the core needs, and no others") {
  folder f;
  {
    job_store s{options_at(f)};
    auto later = fresh(2);
    later.record.constraints.depends_on = {{1}};
    s.commit({fresh(1), later, fresh(3)});
    s.commit({end(3), grant(1, 1), change_job{{2}, job_status::pending, 2, 1, {5000}, {}, true}});
  }
  job_store s{options_at(f)};
  std::vector<unfinished_job> found;
  s.load_unfinished([&](unfinished_job&& j) { found.push_back(std::move(j)); });
  REQUIRE(found.size() == 2);
  CHECK(found[0].record.status == job_status::running);
  CHECK(found[0].record.attempt == 1);
  CHECK(found[0].node_uuid == "u");
  CHECK(found[0].incarnation == 7);
  CHECK(found[1].own_failures == 2);
  CHECK(found[1].infra_failures == 1);
  CHECK(found[1].eligible_at == timestamp{5000});
  CHECK(found[1].cancel_requested);
  CHECK(found[1].record.constraints.depends_on == std::vector<job_id>{{1}});
  CHECK(s.statuses({{1}, {3}, {77}}).size() == 2);
  CHECK(s.statuses({{1}}).at(0).tenant_id == "t");
}

TEST_CASE("what recurs is there after a restart, as written last; the word of a unique job, too") {
  folder f;
  recurrence r;
  r.tenant_id = "t";
  r.name = "nightly";
  r.cron = "0 4 * * *";
  r.request.stage = "echo";
  r.next_at = {5000};
  {
    job_store s{options_at(f)};
    s.commit({put_recurrence{std::make_shared<recurrence>(r)}});
    r.last_job = {7};
    r.next_at = {6000};
    auto other = r;
    other.name = "hourly";
    auto unique = fresh(1);
    unique.record.unique = "word";
    s.commit({put_recurrence{std::make_shared<recurrence>(r)},
              put_recurrence{std::make_shared<recurrence>(other)}, unique});
    s.commit({remove_recurrence{"t", "hourly"}});
  }
  job_store s{options_at(f)};
  CHECK(s.recurrences() == std::vector{r});
  CHECK(s.find({1})->unique == "word");
}

TEST_CASE(
    "an array's children share their parent's payload; an ended child of a living parent is told "
    "at a restart") {
  folder f;
  {
    job_store s{options_at(f)};
    auto parent = fresh(1);
    parent.record.kind = job_kind::composite;
    parent.array = array_spec{0, 1, 1, 0, {}};
    parent.children = 2;
    insert_children const both{{1},
                               job_kind::tool_call,
                               priority::batch,
                               {1000},
                               {{{2}, 0, 0, job_status::queued}, {{3}, 1, 1, job_status::queued}}};
    s.commit({parent, both});
    CHECK_THROWS_AS(s.commit({both}), store_error);
    CHECK(s.find({3})->queued_at == timestamp{1000});
    auto wanting = grant(3, 1);
    wanting.want_payload = true;
    auto const payloads = s.commit({grant(2, 1), end(2), wanting});
    REQUIRE(payloads.size() == 1);
    CHECK(payloads[0].options.text == R"({"text":"hi"})");
  }
  job_store s{options_at(f)};
  CHECK(unfinished(s) == std::vector<std::uint64_t>{1, 3});
  int ended = 0;
  s.load_ended_children([&](ended_child const& c) {
    CHECK(c.parent == job_id{1});
    CHECK(c.child == job_id{2});
    ++ended;
  });
  CHECK(ended == 1);
  CHECK(s.children({1}) == std::vector<job_id>{{2}, {3}});
  CHECK(s.find({2})->stage == "echo");
  CHECK(s.find({2})->array_index == 0);
  s.commit({end(3, job_status::failed), end(1, job_status::failed)});
  auto const again = s.as_submission({1});
  REQUIRE(again);
  CHECK(again->array->indices == std::vector<std::int64_t>{1});
}

TEST_CASE("lists are newest first and take filters") {
  folder f;
  job_store s{options_at(f)};
  auto other = fresh(3);
  other.record.tenant_id = "o";
  other.record.name_space = "n2";
  s.commit({fresh(1), fresh(2), other, end(1)});
  CHECK(s.list({}).front().id == job_id{3});
  CHECK(s.list({"t", "", {}, "", 100, {}}).size() == 2);
  CHECK(s.list({"", "n2", {}, "", 100, {}}).size() == 1);
  CHECK(s.list({"", "", {job_status::succeeded}, "", 100, {}}).at(0).id == job_id{1});
  CHECK(s.list({"", "", {}, "", 1, {}}).size() == 1);
  CHECK(s.list({"", "", {}, "", 100, job_kind::composite}).empty());
}

TEST_CASE(
    "retention removes ended jobs with their attempts and keys, never living ones; counts "
    "remember") {
  folder f;
  job_store s{options_at(f)};
  auto keyed = fresh(1);
  keyed.key = "k";
  s.commit({keyed, fresh(2), fresh(3)});
  s.commit({grant(1, 1), end(1, job_status::succeeded, 3000), end(2, job_status::failed, 9000)});
  CHECK(s.remove_ended({3000}, 100).jobs == 0);  // one tick before the boundary
  CHECK(s.remove_ended({3001}, 100).jobs == 1);
  CHECK_FALSE(s.find({1}));
  CHECK_FALSE(s.find_key("t", "k"));
  CHECK(s.remove_ended({1'000'000}, 100).jobs == 1);
  CHECK(s.find({3}));
  CHECK(counts(s)[job_status::succeeded] == 1);
  CHECK(counts(s)[job_status::failed] == 1);
  CHECK(s.last_used() == job_id{3});
}

TEST_CASE("jobs that are alike share a payload, and each has its own options and trace") {
  folder f;
  job_store s{options_at(f)};
  auto first = fresh(1);
  first.record.trace_id = "t1";
  first.record.metadata.text = R"({"experiment_id":"e"})";
  insert_alike const others{{1},
                            job_kind::tool_call,
                            priority::batch,
                            {{{1001}, job_status::queued, {R"({"text":"two"})"}, "t2"},
                             {{1002}, job_status::pending, {R"({"text":"three"})"}, "t3"}}};
  CHECK_THROWS_AS(s.commit({others}), store_error);
  s.commit({first, others, fresh(4)});
  CHECK(s.last_used() == job_id{4});
  auto const third = s.find({3});
  REQUIRE(third);
  CHECK(third->options.text == R"({"text":"three"})");
  CHECK(third->trace_id == "t3");
  CHECK(third->tenant_id == "t");
  CHECK(third->stage == "echo");
  CHECK(third->created_at == timestamp{1002});
  CHECK_FALSE(third->queued_at);
  CHECK(s.find({2})->queued_at == timestamp{1001});
  CHECK(s.find({1})->options.text == R"({"text":"hi"})");
  CHECK(s.as_submission({2})->options.text == R"({"text":"two"})");
  auto wanting = grant(2, 1);
  wanting.want_payload = true;
  CHECK(s.commit({wanting}).at(0).options.text == R"({"text":"two"})");
  list_jobs filter;
  filter.tenant_id = "t";
  auto const numbers = [&] {
    std::vector<std::uint64_t> all;
    for (auto const& r : s.list(filter))
      all.push_back(r.id.value);
    return all;
  };
  CHECK(numbers() == std::vector<std::uint64_t>{4, 3, 2, 1});
  filter.experiment = "e";
  CHECK(numbers() == std::vector<std::uint64_t>{3, 2, 1});
  filter.experiment = "1";
  CHECK(numbers() == std::vector<std::uint64_t>{1});
  // The payload stays until the last of those that share it has gone.
  s.commit({end(1, job_status::canceled, 10), end(3, job_status::canceled, 20)});
  CHECK(s.remove_ended({15}, 100).jobs == 1);
  CHECK_FALSE(s.find({1}));
  CHECK(s.find({3})->stage == "echo");
  CHECK(s.remove_ended({25}, 100).jobs == 1);
  s.commit({end(2, job_status::succeeded, 30), end(4, job_status::succeeded, 30)});
  CHECK(s.remove_ended({35}, 100).jobs == 2);
  CHECK(sqlite::database(f.file(), sqlite::open_mode::read_only, "")
            .value("SELECT count(*) FROM payloads", "test") == "0");
}

TEST_CASE("what is ordered for nodes survives, and goes when it is over") {
  folder f;
  node_order order{"u1", "a", {5}, {70}, "new fans", {{{10}, {20}}, {{30}, {40}}}, {3}};
  node_order other;
  other.uuid = "u0";
  other.since = {1};
  {
    job_store s{options_at(f)};
    s.commit({set_node_order{order}, set_node_order{other}});
    order.deadline = {};
    s.commit({set_node_order{order}, fresh(1), grant(1, 1)});
    change_job stopped;
    stopped.id = {1};
    stopped.status = job_status::running;
    stopped.handed_back = true;
    s.commit({stopped});
  }
  job_store s{options_at(f)};
  CHECK(s.node_orders() == std::vector<node_order>{other, order});
  bool handed_back = false;
  s.load_unfinished([&](unfinished_job&& job) { handed_back = job.handed_back; });
  CHECK(handed_back);
  other.since = {};
  s.commit({set_node_order{other}});
  CHECK(s.node_orders() == std::vector<node_order>{order});
}

TEST_CASE(
    "unfinished jobs are found on their pages, whatever comes between, also after a restart") {
  folder f;
  std::minstd_rand random{7};
  std::set<std::uint64_t> live;
  std::uint64_t last = 0;
  for (int round = 0; round < 60; ++round) {
    job_store s{options_at(f)};
    for (int commit = 0; commit < 5; ++commit) {
      std::vector<change> changes;
      auto now = live;
      for (auto k = random() % 40; k > 0; --k) {
        last += 1 + random() % 3 * (random() % 50);
        changes.emplace_back(fresh(last));
        now.insert(last);
      }
      for (auto const id : std::vector(now.begin(), now.end()))
        if (random() % 3 == 0) {
          changes.emplace_back(grant(id, 1));
          changes.emplace_back(end(id));
          now.erase(id);
        }
      if (commit == 3)
        changes.emplace_back(end(last + 1));  // unknown: nothing of the commit is done
      try {
        s.commit(changes);
        live = now;
      } catch (store_error const&) {
        CHECK(commit == 3);
      }
    }
    std::set<std::uint64_t> found;
    s.load_unfinished([&](unfinished_job&& job) { found.insert(job.record.id.value); });
    CHECK(found == live);
    std::vector<std::uint64_t> listed;
    for (auto const& job : s.list({"", "", {job_status::queued}, "", 100'000, {}}))
      listed.push_back(job.id.value);
    CHECK(listed == std::vector<std::uint64_t>(live.rbegin(), live.rend()));
  }
  CHECK(!live.empty());
}

TEST_CASE("retention passes jobs that are too young, also where the clock was set back") {
  folder f;
  job_store s{options_at(f)};
  auto const made_at = [](std::uint64_t id, std::int64_t at) {
    auto job = fresh(id);
    job.record.created_at = {at};
    return job;
  };
  s.commit({made_at(1, 90'000), made_at(2, 10), made_at(3, 20), end(1, job_status::failed, 90'001),
            end(3, job_status::failed, 30)});
  auto const done = s.remove_ended({1000}, 100);
  CHECK(done.jobs == 1);
  CHECK_FALSE(done.more);
  CHECK_FALSE(s.find({3}));
}

TEST_CASE("what was used is kept over a restart, the latest only") {
  folder f;
  {
    job_store s{options_at(f)};
    CHECK(s.usage().list.empty());
    s.commit({put_usage{{1000}, {{"t", "ada", 1, 2, 3}, {"u", "", 4, 5, 6}}}});
    s.commit({put_usage{{2000}, {{"t", "ada", 10, 20, 30}}}});
  }
  auto const usage = job_store{options_at(f), job_store::access::read_only}.usage();
  CHECK(usage.at == timestamp{2000});
  CHECK(usage.list == std::vector<put_usage::owner>{{"t", "ada", 10, 20, 30}});
}

TEST_CASE("retention goes on where it stopped") {
  folder f;
  job_store s{options_at(f)};
  std::vector<change> changes;
  for (std::uint64_t id = 1; id <= 100; ++id) {
    changes.emplace_back(fresh(id));
    if (id % 2 == 0)
      changes.emplace_back(end(id, job_status::failed, 30));
  }
  s.commit(changes);
  std::int64_t removed = 0;
  int calls = 0;
  for (bool more = true; more; ++calls) {
    auto const done = s.remove_ended({1'000'000}, 7);
    CHECK(done.jobs <= 7);
    removed += done.jobs;
    more = done.more;
  }
  CHECK(removed == 50);
  CHECK(calls < 12);
}

TEST_CASE("a reader beside the writer sees what was committed") {
  folder f;
  job_store w{options_at(f)};
  job_store r{options_at(f), job_store::access::read_only};
  w.commit({fresh(1)});
  CHECK(r.find({1}));
  CHECK_THROWS_AS(r.commit({fresh(2)}), store_error);
}
