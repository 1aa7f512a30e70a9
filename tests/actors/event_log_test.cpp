#include "actors/event_log.hpp"

#include <fstream>

#include <doctest/doctest.h>
#include <stdlib.h>

using namespace nsai;
using namespace nsai::actors;

namespace {

namespace fs = std::filesystem;

struct log_directory {
  fs::path path;
  log_directory() {
    std::string name = fs::temp_directory_path() / "nsai-events.XXXXXX";
    path = ::mkdtemp(name.data());
  }
  ~log_directory() { fs::remove_all(path); }

  event_log open(std::int64_t most_bytes = 1 << 20, std::int32_t files = 3) const {
    return event_log{{path / "sub" / "events.jsonl", most_bytes, files}};
  }
  std::vector<std::uint64_t> sequences(std::string const& name) const {
    std::vector<std::uint64_t> list;
    std::ifstream in{path / "sub" / name};
    for (std::string line; std::getline(in, line);)
      list.push_back(json::parse(line).at("sequence").get<std::uint64_t>());
    return list;
  }
  static event numbered(std::uint64_t sequence) {
    event e;
    e.sequence = sequence;
    e.name = "work.job.started";
    e.detail = "\xff";  // no UTF-8
    return e;
  }
};

}  // namespace

TEST_CASE_FIXTURE(log_directory,
                  "an event is a line, at once; the next start knows the last number") {
  CHECK(open().last_sequence() == 0);
  auto log = open();
  log.add(numbered(7));
  CHECK(sequences("events.jsonl") == std::vector<std::uint64_t>{7});
  log.add(numbered(8));
  CHECK(open().last_sequence() == 8);
  // What a crash has cut off is passed over.
  std::ofstream{path / "sub" / "events.jsonl", std::ios::app} << R"({"sequence":9)";
  CHECK(open().last_sequence() == 8);
}

TEST_CASE_FIXTURE(log_directory, "files rotate by size, and only so many are kept") {
  auto const line =
      json(numbered(10)).dump(-1, ' ', false, json::error_handler_t::replace).size() + 1;
  auto log = open(static_cast<std::int64_t>(2 * line));
  for (std::uint64_t n = 10; n < 19; ++n)
    log.add(numbered(n));
  CHECK(sequences("events.jsonl") == std::vector<std::uint64_t>{18});
  CHECK(sequences("events.jsonl.1") == std::vector<std::uint64_t>{16, 17});
  CHECK(sequences("events.jsonl.2") == std::vector<std::uint64_t>{14, 15});
  CHECK_FALSE(fs::exists(path / "sub" / "events.jsonl.3"));
  // An event larger than a file is written all the same.
  auto tiny = open(1, 1);
  tiny.add(numbered(19));
  tiny.add(numbered(20));
  CHECK(sequences("events.jsonl") == std::vector<std::uint64_t>{20});
}

TEST_CASE(
    "a disk that takes nothing: events are left out, nobody is stopped, and it goes on later") {
  event_log full{{"/dev/full", 1 << 20, 1}};
  full.add(log_directory::numbered(1));
  full.add(log_directory::numbered(2));
  log_directory d;
  std::ofstream{d.path / "sub"} << "in the way";
  auto log = d.open();
  log.add(log_directory::numbered(1));
  fs::remove(d.path / "sub");
  log.add(log_directory::numbered(2));
  CHECK(d.sequences("events.jsonl") == std::vector<std::uint64_t>{2});
}
