// Inputs that once were found to be faulty, and others worth knowing, again in every build.
#include <filesystem>
#include <fstream>

#include <doctest/doctest.h>

#include "messages/bounded_json.hpp"
#include "messages/job.hpp"
#include "tests/fuzz/targets.hpp"

using namespace nsai;

TEST_CASE("fuzzing: every target takes all of its corpus") {
  for (auto const& [name, target] : fuzz::targets()) {
    std::filesystem::path const corpus = std::string{NSAI_SOURCE_DIR "/tests/fuzz/corpus/"} + name;
    std::size_t count = 0;
    for (auto const& entry : std::filesystem::directory_iterator(corpus)) {
      CAPTURE(entry.path().string());
      std::ifstream in{entry.path(), std::ios::binary};
      std::string const bytes{std::istreambuf_iterator<char>{in}, {}};
      CHECK_NOTHROW(target(bytes));
      ++count;
    }
    CAPTURE(name);
    CHECK(count > 0);
  }
}

TEST_CASE("fuzzing: every target takes every short input") {
  for (auto const& [name, target] : fuzz::targets()) {
    CAPTURE(name);
    CHECK_NOTHROW(target(""));
    for (int a = 0; a < 256; ++a)
      for (int b = 0; b < 256; ++b) {
        char const bytes[] = {static_cast<char>(a), static_cast<char>(b)};
        CHECK_NOTHROW(target({bytes, 1}));
        CHECK_NOTHROW(target({bytes, 2}));
      }
  }
}

TEST_CASE("documents that nest too deep are refused, wherever they come from (P7)") {
  std::string const deep(1'000'000, '[');
  CHECK(nests_too_deep(deep));
  CHECK_THROWS_AS(json_text{deep}.value(), shape_error);
  CHECK_NOTHROW(fuzz::config(deep));
  CHECK_NOTHROW(fuzz::experiment(deep));
  CHECK_NOTHROW(fuzz::experiment("a=" + deep + "\n{}"));
  CHECK_NOTHROW(fuzz::spool(std::string(1'000'000, '\x81')));
  CHECK_NOTHROW(fuzz::spool(std::string(1'000'000, '\x9f')));
  CHECK_THROWS_AS(read_cbor(std::string(1'000'000, '\x81')), shape_error);
  CHECK_FALSE(nests_too_deep("{\"a\": \"[[[" + std::string(1000, '[') + "\"}"));
  std::string at_the_bound(most_nesting, '[');
  at_the_bound += std::string(most_nesting, ']');
  CHECK_FALSE(nests_too_deep(at_the_bound));
  CHECK_NOTHROW(json_text{at_the_bound}.value());
  CHECK(nests_too_deep("[" + at_the_bound + "]"));
}

TEST_CASE("a number that names nothing is refused, with what is allowed (P7)") {
  submission s;
  s.stage = "echo";
  s.priority = static_cast<priority>(200);
  CHECK(complete_and_check(s)->field == "priority");
  s.priority = priority::batch;
  s.kind = static_cast<job_kind>(77);
  CHECK(complete_and_check(s)->field == "kind");
  s.kind = job_kind::inference;
  s.constraints.backoff = static_cast<backoff_kind>(3);
  CHECK(complete_and_check(s)->field == "constraints.backoff");
}
