#include "stages/whole_file.hpp"

#include <atomic>
#include <csignal>
#include <stdexcept>
#include <thread>
#include <vector>

#include <doctest/doctest.h>
#include <sys/resource.h>

#include "tests/data/run.hpp"

using namespace nsai;
using namespace nsai::stages;

namespace {

std::size_t files_in(std::filesystem::path const& folder) {
  std::size_t count = 0;
  for (auto const& entry : std::filesystem::directory_iterator(folder))
    count += entry.exists() ? 1 : 0;
  return count;
}

/// While it lives, a write beyond so many bytes of a file is an error.
class small_files {
 public:
  explicit small_files(rlim_t bytes) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    rlimit const less{bytes, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &less);
  }
  ~small_files() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }
  small_files(small_files const&) = delete;
  small_files& operator=(small_files const&) = delete;

 private:
  rlimit before_{};
  void (*handler_)(int);
};

}  // namespace

TEST_CASE("a file is written whole, its folder made, what was there replaced") {
  tests::folder where;
  auto const file = where.path / "deep" / "a.txt";
  write_whole_file(file, "one");
  write_whole_file(file, "two\n");
  CHECK(tests::text_of(file) == "two\n");
  CHECK(files_in(where.path / "deep") == 1);
}

TEST_CASE("whatever fails leaves nothing beside the file, and the file as it was") {
  tests::folder where;
  auto const file = where.path / "a.txt";
  write_whole_file(file, "before");
  std::string told;
  {
    small_files const limit{1000};
    try {
      write_whole_file(file, std::string(5000, 'x'));
    } catch (std::runtime_error const& e) {
      told = e.what();
    }
  }
  CHECK(told == file.string() + " cannot be written: File too large");
  CHECK(tests::text_of(file) == "before");
  CHECK(files_in(where.path) == 1);
  std::filesystem::create_directories(where.path / "folder" / "full");
  CHECK_THROWS_AS(write_whole_file(where.path / "folder", "x"), std::runtime_error);
  CHECK(files_in(where.path) == 2);
}

TEST_CASE("writers of one file do not meet: it is always one's whole text, and none fails") {
  tests::folder where;
  auto const file = where.path / (std::string(240, 'n') + ".txt");  // a name has at most 255 bytes
  std::atomic<int> failed{0};
  {
    std::vector<std::jthread> writers;
    for (char c : {'a', 'b', 'c', 'd'})
      writers.emplace_back([&failed, &file, c] {
        for (int i = 0; i < 20; ++i)
          try {
            write_whole_file(file, std::string(10'000, c));
          } catch (std::exception const&) {
            ++failed;
          }
      });
  }
  CHECK(failed == 0);
  auto const text = tests::text_of(file);
  CHECK(text == std::string(10'000, text.at(0)));
  CHECK(files_in(where.path) == 1);
}
