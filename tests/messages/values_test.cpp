#include "messages/values.hpp"

#include <doctest/doctest.h>

#include "messages/job.hpp"
#include "messages/suggest.hpp"

using namespace nsai;

TEST_CASE("timestamp: RFC 3339 in UTC with milliseconds, there and back") {
  CHECK(to_rfc3339({0}) == "1970-01-01T00:00:00.000Z");
  CHECK(from_rfc3339("1970-01-01T00:00:01Z").ms == 1000);
  CHECK(from_rfc3339("2026-03-01T09:30:00.25+01:00") == from_rfc3339("2026-03-01T08:30:00.250Z"));
  CHECK(to_rfc3339(from_rfc3339("2024-02-29T23:59:59.999Z")) == "2024-02-29T23:59:59.999Z");
}

TEST_CASE("timestamp: what is not a time is refused") {
  for (auto const* text : {"", "2026", "2026-02-29T00:00:00Z", "2026-03-01T24:00:00Z",
                           "2026-03-01T09:30:00", "2026-03-01T09:30:00.Z", "2026-03-01T09:30:00Zx"})
    CHECK_THROWS_AS(from_rfc3339(text), shape_error);
}

TEST_CASE("milli: a decimal is kept in thousandths and shown as a plain number") {
  milli share;
  read_json(json(0.5), share);
  CHECK(share.value == 500);
  CHECK(json(share) == json(0.5));
  CHECK(json(milli{4000}).dump() == "4");
  CHECK_THROWS_AS(read_json(json("half"), share), shape_error);
}

TEST_CASE("suggest: a swapped, missing or doubled letter finds the name that was meant") {
  CHECK(nearest("txet", {"text", "seconds"}) == "text");
  CHECK(nearest("echoo", {"echo", "sleep"}) == "echo");
  CHECK(nearest("banana", {"echo", "sleep"}).empty());
}

TEST_CASE("field list: an unknown field is refused by its path, with the name that was meant") {
  submission s;
  try {
    read_json(json::parse(R"({"constraints": {"timeout_mss": 5}})"), s);
    FAIL("nothing was thrown");
  } catch (shape_error const& fault) {
    CHECK(fault.path() == "constraints.timeout_mss");
    CHECK(std::string(fault.what()).find("timeout_ms (did you mean that?)") != std::string::npos);
  }
}

TEST_CASE("field list: a wrong type names the element of an array") {
  submission s;
  try {
    read_json(json::parse(R"({"constraints": {"depends_on": [1, -1]}})"), s);
    FAIL("nothing was thrown");
  } catch (shape_error const& fault) {
    CHECK(fault.path() == "constraints.depends_on[1]");
  }
}

TEST_CASE("json text that is no JSON is told, also from within a document that is being made") {
  submission s;
  s.options.text = "{\"a";
  CHECK_THROWS_AS(json(s).dump(), shape_error);
}
