// Databases of other schemas.

#include <doctest/doctest.h>

#include "store/job_store.hpp"
#include "store/sqlite.hpp"
#include "tests/store/fixture.hpp"

using namespace nsai;
using namespace nsai::store;
using namespace nsai::store::tests;

TEST_CASE("a database of an older schema is brought up to date with its jobs") {
  constexpr char const* eighth =
      "ALTER TABLE jobs DROP COLUMN peak_memory; ALTER TABLE jobs DROP COLUMN peak_gpu_memory; "
      "ALTER TABLE attempts DROP COLUMN peak_memory; "
      "ALTER TABLE attempts DROP COLUMN peak_gpu_memory; PRAGMA user_version = 8;";
  constexpr char const* seventh =
      "ALTER TABLE jobs DROP COLUMN cost; ALTER TABLE jobs DROP COLUMN cost_rate; "
      "DROP TABLE spending; PRAGMA user_version = 7;";
  constexpr char const* third =
      "ALTER TABLE payloads DROP COLUMN unique_word; DROP TABLE recurrences; "
      "ALTER TABLE jobs DROP COLUMN preemptions; DROP TABLE node_orders; ALTER TABLE jobs DROP "
      "COLUMN handed_back; DROP TABLE usage; PRAGMA "
      "user_version = 3;";
  constexpr char const* second =
      "DROP TABLE unfinished; CREATE INDEX jobs_unfinished ON jobs(id, status) "
      "WHERE status < 3; "
      "CREATE INDEX jobs_ended ON jobs(completed_at) WHERE parent IS NULL AND status >= 3; "
      "PRAGMA user_version = 2;";
  constexpr char const* first =
      "ALTER TABLE jobs DROP COLUMN options; ALTER TABLE jobs DROP COLUMN trace_id; "
      "ALTER TABLE payloads DROP COLUMN alike; PRAGMA user_version = 1";
  for (auto const& back :
       {std::string{},
        std::string("ALTER TABLE payloads DROP COLUMN unique_word; DROP TABLE recurrences; "
                    "PRAGMA user_version = 6"),
        std::string(third), std::string(third) + second, std::string(third) + second + first}) {
    folder f;
    { job_store{options_at(f)}.commit({fresh(1), fresh(200), end(1)}); }
    sqlite::database(f.file(), sqlite::open_mode::read_write, "")
        .execute((eighth + (seventh + back)).c_str(), "test");
    job_store s{options_at(f)};
    CHECK(s.find({200})->options.text == R"({"text":"hi"})");
    std::vector<job_id> unfinished;
    s.load_unfinished([&](unfinished_job&& job) { unfinished.push_back(job.record.id); });
    CHECK(unfinished == std::vector<job_id>{{200}});
    s.commit({grant(200, 1), end(200)});
    CHECK(s.remove_ended({1'000'000}, 100).jobs == 2);
  }
}

TEST_CASE("a database of a newer schema is refused and left alone; one of something else, too") {
  folder f;
  { job_store s{options_at(f)}; }
  {
    sqlite::database(f.file(), sqlite::open_mode::read_write, "")
        .execute("PRAGMA user_version = 99", "test");
  }
  CHECK_THROWS_WITH_AS(job_store{options_at(f)}, doctest::Contains("version 99"), store_error);
  folder g;
  sqlite::database(g.file(), sqlite::open_mode::read_write, "")
      .execute("CREATE TABLE x(a)", "test");
  CHECK_THROWS_WITH_AS(job_store{options_at(g)}, doctest::Contains("something else"), store_error);
}
