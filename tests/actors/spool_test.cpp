#include "actors/spool.hpp"

#include <fstream>

#include <doctest/doctest.h>
#include <stdlib.h>

using namespace nsai;

namespace {

struct temporary_directory {
  std::filesystem::path path;
  temporary_directory() {
    std::string base = (std::filesystem::temp_directory_path() / "nsai-spool-XXXXXX").string();
    path = ::mkdtemp(base.data());
  }
  ~temporary_directory() { std::filesystem::remove_all(path); }
};

attempt_outcome outcome(std::uint64_t job) {
  attempt_outcome o;
  o.ref = {{job}, 2};
  o.value = json_text::of({{"x", job}});
  return o;
}

}  // namespace

TEST_CASE("spool: what was saved and not confirmed is there after a restart") {
  temporary_directory d;
  {
    actors::spool s{d.path};
    s.add(outcome(1));
    s.add(outcome(2));
    s.save();
    s.confirm({{1}, 2});
  }
  actors::spool again{d.path};
  REQUIRE(again.size() == 1);
  CHECK(again.all().front() == outcome(2));
  again.confirm({{2}, 2});
  CHECK(actors::spool{d.path}.empty());
}

TEST_CASE("spool: a broken file is left out, and the others are read") {
  temporary_directory d;
  {
    actors::spool s{d.path};
    s.add(outcome(1));
    s.save();
  }
  std::ofstream{d.path / "7-1.cbor"} << "garbage";
  CHECK(actors::spool{d.path}.size() == 1);
}
