#include "actors/progress_file.hpp"

#include <fstream>

#include <doctest/doctest.h>
#include <stdlib.h>

using namespace nsai;
using namespace nsai::actors;

namespace {

std::int64_t fraction_of(std::string_view line) {
  auto const progress = parse_progress(line);
  return progress ? progress->fraction.value : -1;
}

struct reported_file {
  std::filesystem::path directory;
  reported_file() {
    std::string name = std::filesystem::temp_directory_path() / "nsai-progress.XXXXXX";
    directory = ::mkdtemp(name.data());
  }
  ~reported_file() { std::filesystem::remove_all(directory); }
  std::filesystem::path path() const { return directory / "progress"; }
  void write(std::string const& text, std::ios::openmode how) const {
    std::ofstream{path(), how} << text;
  }
};

}  // namespace

TEST_CASE("a line of progress: a fraction or percent, then words") {
  CHECK(fraction_of("0.42 epoch 3") == 420);
  CHECK(parse_progress("0.42 epoch 3")->text == "epoch 3");
  CHECK(fraction_of("42% epoch 3") == 420);
  CHECK(fraction_of("1") == 1000);
  CHECK(fraction_of("0.5\r") == 500);
  CHECK(fraction_of("7") == 1000);
  CHECK(fraction_of("-3 x") == 0);
  for (auto const* wrong : {"", " ", "nan", "inf", "half", "0.5x", "1e999", "0.4,2"})
    CHECK_MESSAGE(fraction_of(wrong) == -1, wrong);
  CHECK(parse_progress("0.1 " + std::string(1000, 'x'))->text.size() == 200);
  CHECK(json(parse_progress("0.1 \xff\xfe")->text).dump() == "\"\xef\xbf\xbd\xef\xbf\xbd\"");
}

TEST_CASE_FIXTURE(reported_file, "only complete lines count, and only news is told") {
  progress_file file{path()};
  CHECK_FALSE(file.news());
  write("0.1 one\n0.2 tw", std::ios::app);
  CHECK(file.news()->text == "one");
  CHECK_FALSE(file.news());
  write("o\nnot a number\n", std::ios::app);
  CHECK(file.news()->text == "two");
  write("0.9\n", std::ios::trunc);
  CHECK(file.news()->fraction == milli{900});
}

TEST_CASE_FIXTURE(reported_file, "a long file is read from its end; what is no file is not read") {
  progress_file file{path()};
  for (int i = 0; i < 1000; ++i)
    write("0.5 step " + std::to_string(i) + "\n", std::ios::app);
  CHECK(file.news()->text == "step 999");
  std::filesystem::remove(path());
  std::filesystem::create_directory(path());
  CHECK_FALSE(file.news());
}
