// Where the tables of the core lie.
#include <optional>

#include <doctest/doctest.h>

#include "scheduling/core.hpp"
#include "tests/scheduling/counted_memory.hpp"

using namespace nsai;
using namespace nsai::scheduling;

namespace {

void submit(core& c, int jobs) {
  submission request;
  request.stage = "echo";
  request.tenant_id = "t";
  effects out;
  for (int i = 0; i < jobs; ++i) {
    c.apply(job_submitted{&request, {}, 0, {}}, {1'700'000'000'000}, out);
    REQUIRE(!c.last_answer().error);
  }
}

}  // namespace

TEST_CASE("core: its tables of jobs lie where the settings say, those of a copy on the heap") {
  tests::counted_memory memory;
  core_settings settings;
  settings.large_tables = &memory;
  stage_description echo;
  echo.name = "echo";
  settings.known_stages = {echo};
  std::optional<core> original{settings};
  submit(*original, 10);
  CHECK(memory.pieces == 2);  // the first jobs, and what waits
  submit(*original, 10'000);
  auto const bytes = memory.bytes;
  CHECK(bytes > 10'000 * std::size_t{88});
  {
    auto copy = *original;
    submit(copy, 10'000);
    CHECK(memory.bytes == bytes);
    original.reset();
    CHECK(memory.bytes == 0);
    submit(copy, 10);  // it has all of its own
    copy.check_invariants();
    CHECK(copy.live_jobs() == 20'020);
  }
}
