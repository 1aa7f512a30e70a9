#include "node/units.hpp"

#include <doctest/doctest.h>

using namespace nsai;
using namespace nsai::node;

TEST_CASE("sizes: suffixes of powers of 1024, rounded up to MiB") {
  CHECK(parse_size_mb("8G", "x") == 8192);
  CHECK(parse_size_mb("512M", "x") == 512);
  CHECK(parse_size_mb("512", "x") == 512);
  CHECK(parse_size_mb("1.5gib", "x") == 1536);
  CHECK(parse_size_mb("1K", "x") == 1);
  CHECK(parse_size_mb("2T", "x") == 2 * 1024 * 1024);
}

TEST_CASE("sizes: anything else is refused by its field") {
  for (auto const* text : {"banana", "", "-1G", "8X", "8 G", "1e3G", "nan", "99999999T"}) {
    try {
      parse_size_mb(text, "resources.memory_mb");
      FAIL("accepted: " << text);
    } catch (shape_error const& e) {
      CHECK(e.path() == "resources.memory_mb");
    }
  }
}

TEST_CASE("durations: suffixes, and seconds without one") {
  CHECK(parse_duration_ms("250ms", "x") == 250);
  CHECK(parse_duration_ms("90s", "x") == 90'000);
  CHECK(parse_duration_ms("90", "x") == 90'000);
  CHECK(parse_duration_ms("1.5h", "x") == 5'400'000);
  CHECK(parse_duration_ms("2d", "x") == 172'800'000);
  CHECK_THROWS_AS(parse_duration_ms("soon", "x"), shape_error);
  CHECK_THROWS_AS(parse_duration_ms("-1s", "x"), shape_error);
}

TEST_CASE("arrays: ranges with step and limit, and lists") {
  auto const full = parse_array("2-9:3%4");
  CHECK(full.first == 2);
  CHECK(full.last == 9);
  CHECK(full.step == 3);
  CHECK(full.limit == 4);
  CHECK(parse_array("7").last == 7);
  CHECK(parse_array("1,5,3").indices == std::vector<std::int64_t>{1, 5, 3});
  for (auto const* text : {"", "a", "5-2", "1-9:0", "1-9%0", "1-", "-3"})
    CHECK_THROWS_AS(parse_array(text), shape_error);
}

TEST_CASE("pairs and job numbers") {
  CHECK(parse_pair("a=b=c", "x") == std::pair<std::string, std::string>{"a", "b=c"});
  CHECK_THROWS_AS(parse_pair("=b", "x"), shape_error);
  CHECK(parse_job("17") == job_id{17});
  for (auto const* text : {"0", "x", "-1", "1.5", ""})
    CHECK_THROWS_AS(parse_job(text), shape_error);
}
