#include <doctest/doctest.h>

#include "tests/store/failing_files.hpp"
#include "tests/store/fixture.hpp"

using namespace nsai;
using namespace nsai::store;
using namespace nsai::store::tests;

TEST_CASE(
    "a disk that is full at any write of a commit: nothing of it is there, what was committed "
    "stays, and the "
    "store works again when there is room") {
  failing_files::install();
  bool went_through = false;
  for (int writes = 0; writes < 100 && !went_through; ++writes) {
    CAPTURE(writes);
    folder f;
    job_store s{options_at(f, "nsai-failing")};
    s.commit({fresh(1)});
    failing_files::fail_after(writes);
    std::vector<change> many{end(1)};
    for (std::uint64_t i = 2; i < 40; ++i) {
      many.emplace_back(fresh(i));
      (*std::get<boxed_insert>(many.back())).record.options.text =
          "\"" + std::string(4000, 'x') + "\"";
    }
    try {
      s.commit(many);
      went_through = true;
    } catch (store_error const&) {
      CHECK_THROWS_AS(s.probe(), store_error);
    }
    failing_files::fail_after(-1);
    CHECK(s.find({1})->status == (went_through ? job_status::succeeded : job_status::queued));
    CHECK(s.find({20}).has_value() == went_through);
    s.probe();
    if (!went_through)
      s.commit(many);
    CHECK(s.find({1})->status == job_status::succeeded);
    CHECK(s.integrity().empty());
  }
  CHECK(went_through);
}
