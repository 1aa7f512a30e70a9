#include "actors/run_directories.hpp"

#include <array>

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/processes/support.hpp"

using namespace nsai;
using namespace nsai::tests;
namespace fs = std::filesystem;

namespace {

struct run_fixture {
  temporary_directory directory;
  fs::path const root = directory.path;
  std::shared_ptr<actors::folder_uses> const uses = std::make_shared<actors::folder_uses>();
  actors::run_directories files{root / "run/spare-cpu", uses};

  fs::path make(std::string const& name, std::string const& options = "{}") {
    auto const at = root / "run" / name;
    files.make_run(at, options, "{\"c\":1}");
    REQUIRE(text_of(at / "options.json") == options);
    REQUIRE(text_of(at / "context.json") == "{\"c\":1}");
    REQUIRE(fs::is_empty(at / "scratch"));
    REQUIRE(std::distance(fs::directory_iterator{at}, {}) == 3);
    return at;
  }
  static ino_t inode(fs::path const& at) {
    struct stat about {};
    REQUIRE(::stat(at.c_str(), &about) == 0);
    return about.st_ino;
  }
};

void write(fs::path const& file, std::string const& text) {
  std::ofstream{file} << text;
}

}  // namespace

TEST_CASE_FIXTURE(run_fixture, "runs: what an attempt left as it got it serves the next one") {
  auto const first = make("1-1", std::string(10'000, ' ') + "{}");
  auto const inodes =
      std::array{inode(first), inode(first / "scratch"), inode(first / "options.json")};
  write(first / "result.json", "{}");
  write(first / "progress", "0.5");
  files.remove_run(first);
  CHECK_FALSE(fs::exists(first));
  auto const second = make("2-1");
  CHECK(std::array{inode(second), inode(second / "scratch"), inode(second / "options.json")} ==
        inodes);
}

TEST_CASE_FIXTURE(run_fixture, "runs: what an attempt has changed is removed") {
  struct {
    char const* what;
    std::function<void(fs::path const&)> change;
  } const changes[] = {
      {"a file", [](auto const& at) { write(at / "more", "x"); }},
      {"a file in scratch", [](auto const& at) { write(at / "scratch/more", "x"); }},
      {"no scratch", [](auto const& at) { fs::remove(at / "scratch"); }},
      {"a link to options",
       [&](auto const& at) { fs::create_hard_link(at / "options.json", root / "kept"); }},
      {"options that are a link",
       [&](auto const& at) {
         fs::remove(at / "options.json");
         write(root / "target", "mine");
         fs::create_symlink(root / "target", at / "options.json");
       }},
      {"rights of scratch", [](auto const& at) { ::chmod((at / "scratch").c_str(), 0500); }},
      {"rights of a file", [](auto const& at) { ::chmod((at / "context.json").c_str(), 0400); }},
      {"scratch is a file",
       [](auto const& at) {
         fs::remove(at / "scratch");
         write(at / "scratch", "x");
       }},
      {"a folder for the result",
       [](auto const& at) { fs::create_directories(at / "result.json/x"); }},
  };
  int number = 0;
  for (auto const& each : changes) {
    CAPTURE(each.what);
    auto const at = make(std::to_string(++number) + "-1", "{\"first\":true}");
    each.change(at);
    files.remove_run(at);
    CHECK_FALSE(fs::exists(at));
    CHECK((fs::is_empty(root / "run") || fs::is_empty(root / "run/spare-cpu")));
    make(std::to_string(number) + "-2", "{\"second\":true}");
    fs::remove_all(root / "run" / (std::to_string(number) + "-2"));
  }
  CHECK(text_of(root / "kept") == "{\"first\":true}");
  CHECK(text_of(root / "target") == "mine");
}

TEST_CASE_FIXTURE(run_fixture,
                  "folders: an empty one goes, one with something stays and is found again") {
  auto const one = root / "checkpoints/0/1";
  files.make_folder(one);
  write(one / "epoch-1", "weights");
  files.remove_folder(one);
  files.make_folder(one);
  CHECK(text_of(one / "epoch-1") == "weights");
  auto const two = root / "checkpoints/0/2";
  files.make_folder(two);
  auto const was = inode(two);
  files.remove_folder(two);
  CHECK_FALSE(fs::exists(two));
  auto const three = root / "artifacts/7/3";
  files.make_folder(three);
  CHECK(inode(three) == was);
}

TEST_CASE_FIXTURE(run_fixture,
                  "runs: what cannot be made is told, and a spare that went away is no harm") {
  write(root / "file", "x");
  CHECK_THROWS_AS(files.make_run(root / "file/1-1", "{}", "{}"), fs::filesystem_error);
  CHECK_THROWS_AS(files.make_folder(root / "file/1"), fs::filesystem_error);
  files.remove_run(make("1-1"));
  fs::remove_all(root / "run");
  make("2-1");
}

TEST_CASE_FIXTURE(run_fixture, "runs that a crash has left are removed") {
  make("1-1");
  make("2-1");
  actors::remove_left_runs(root / "run");
  make("1-1");
  CHECK(eventually([&] { return std::distance(fs::directory_iterator{root}, {}) == 1; }));
  CHECK(fs::exists(root / "run/1-1/scratch"));
  actors::remove_left_runs(root / "nothing");
}

TEST_CASE_FIXTURE(run_fixture,
                  "folders: one that a newer attempt of the job uses stays, whoever serves it") {
  actors::run_directories gpu{root / "run/spare-gpu", uses};
  auto const shared = root / "checkpoints/0/1";
  files.make_folder(shared);
  gpu.make_folder(shared);
  auto const was = inode(shared);
  files.remove_folder(shared);
  CHECK(inode(shared) == was);
  gpu.remove_folder(shared);
  CHECK_FALSE(fs::exists(shared));
}

TEST_CASE_FIXTURE(run_fixture, "folders: of several all are made, or none is in use") {
  write(root / "file", "x");
  CHECK_THROWS_AS(files.make_folders({root / "checkpoints/0/1", root / "file/1"}),
                  fs::filesystem_error);
  CHECK_FALSE(fs::exists(root / "checkpoints/0/1"));
  CHECK(uses->count.empty());
}

TEST_CASE_FIXTURE(run_fixture, "folders: a spare into which something was put serves nobody") {
  auto const one = root / "checkpoints/0/1";
  files.make_folder(one);
  files.remove_folder(one);
  for (auto const& spare : fs::directory_iterator{root / "run/spare-cpu"})
    write(spare.path() / "left", "another job's");
  auto const two = root / "checkpoints/0/2";
  files.make_folder(two);
  CHECK(fs::is_empty(two));
}
