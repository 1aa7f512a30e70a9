#include "actors/spool.hpp"

#include <fstream>

#include <doctest/doctest.h>
#include <stdlib.h>

using namespace nsai;

namespace {

struct spool_directory {
  std::filesystem::path path;
  spool_directory() {
    std::string base = (std::filesystem::temp_directory_path() / "nsai-spool-XXXXXX").string();
    path = ::mkdtemp(base.data());
  }
  ~spool_directory() { std::filesystem::remove_all(path); }
};

attempt_outcome outcome(std::uint64_t job) {
  attempt_outcome o;
  o.ref = {{job}, 2};
  o.value = json_text::of({{"x", job}});
  return o;
}

}  // namespace

TEST_CASE("spool: what was saved and not confirmed is there after a restart") {
  spool_directory d;
  {
    actors::spool s{d.path};
    s.add(outcome(1));
    s.save();
    s.add(outcome(2));
    s.save();
    s.confirm({{1}, 2});
  }
  actors::spool again{d.path};
  REQUIRE(again.size() == 1);
  CHECK(again.all().front() == outcome(2));
  again.add(outcome(3));
  again.save();
  again.confirm({{2}, 2});
  CHECK(actors::spool{d.path}.all() == std::vector{outcome(3)});
  again.confirm({{3}, 2});
  CHECK(actors::spool{d.path}.empty());
  CHECK(std::filesystem::is_empty(d.path));
}

TEST_CASE("spool: what is confirmed before the next beat but one never touches the disk") {
  spool_directory d;
  actors::spool s{d.path};
  s.add(outcome(1));
  CHECK(s.overdue(10).empty());
  s.confirm({{1}, 2});
  s.add(outcome(2));
  s.add(outcome(3));
  CHECK(s.overdue(10).empty());
  CHECK(std::filesystem::is_empty(d.path));
  // Now the two are overdue, and share a file.
  s.add(outcome(4));
  CHECK(s.overdue(10) == std::vector<attempt_ref>{{{2}, 2}, {{3}, 2}});
  CHECK(std::distance(std::filesystem::directory_iterator{d.path}, {}) == 1);
  CHECK(s.overdue(2) == std::vector<attempt_ref>{{{2}, 2}, {{3}, 2}});
  CHECK(actors::spool{d.path}.size() == 3);
  s.confirm({{2}, 2});
  CHECK(std::distance(std::filesystem::directory_iterator{d.path}, {}) == 2);
  s.confirm({{3}, 2});
  s.confirm({{4}, 2});
  CHECK(std::filesystem::is_empty(d.path));
  CHECK(s.overdue(10).empty());
}

TEST_CASE("spool: a broken file is left out, and the others are read") {
  spool_directory d;
  {
    actors::spool s{d.path};
    s.add(outcome(1));
    s.save();
  }
  std::ofstream{d.path / "7.cbor"} << "garbage";
  std::ofstream{d.path / "x.cbor"} << "garbage";
  actors::spool again{d.path};
  CHECK(again.size() == 1);
  // A new file takes no number that was used before.
  again.add(outcome(2));
  again.save();
  CHECK(actors::spool{d.path}.size() == 2);
}
