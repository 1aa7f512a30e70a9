#include "stages/artifacts.hpp"

#include <fstream>

#include <doctest/doctest.h>

#include "stages/stage.hpp"

using namespace nsai;
using namespace nsai::stages;
namespace fs = std::filesystem;

namespace {

struct artifact_folder {
  artifact_folder() {
    std::string name = fs::temp_directory_path() / "nsai-artifacts.XXXXXX";
    path = ::mkdtemp(name.data());
  }
  ~artifact_folder() { fs::remove_all(path); }
  void write(std::string const& name, std::string const& text) const {
    fs::create_directories((path / name).parent_path());
    std::ofstream{path / name} << text;
  }
  fs::path path;
};

// FIPS 180-4's own example: SHA-256 of "abc".
auto const abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

class writes_files final : public stage {
 public:
  stage_description describe() const override {
    stage_description d;
    d.name = "writes_files";
    d.summary = "writes a file and says nothing of it";
    return d;
  }
  outcome run(context, json const& options, stage_env& env) const override {
    std::ofstream{env.artifacts / "a.txt"} << "abc";
    return outcome::success(std::string(options.value("bytes", std::size_t{1}), 'x'));
  }
};

}  // namespace

TEST_CASE(
    "artifacts: listed files get size, hash and job; others are listed, those elsewhere stay") {
  artifact_folder where;
  where.write("report.md", "abc");
  where.write("deep/model.bin", "");
  fs::create_symlink("/etc/passwd", where.path / "link");
  json const listed{{{"name", "report.md"}, {"kind", "report"}, {"path", where.path / "report.md"}},
                    {{"name", "old"}, {"path", "/elsewhere/old"}, {"sha256", "1"}},
                    "not an entry"};
  auto const all = complete_artifacts(listed, where.path, 7, {});
  REQUIRE(all.size() == 4);
  CHECK(all[0].at("kind") == "report");
  CHECK(all[0].at("bytes") == 3);
  CHECK(all[0].at("sha256") == abc);
  CHECK(all[0].at("job") == 7);
  CHECK(all[1] == listed[1]);
  CHECK(all[3].at("name") == "deep/model.bin");
  CHECK(all[3].at("kind") == "file");
  CHECK(all[3].at("bytes") == 0);
}

TEST_CASE("artifacts: what is beyond the bound is listed without a hash") {
  artifact_folder where;
  where.write("a", "abc");
  where.write("b", "abc");
  auto const all = complete_artifacts(json{}, where.path, 7, {}, 4);
  CHECK(all.at(0).at("sha256") == abc);
  CHECK(all.at(1).at("sha256").is_null());
  CHECK(all.at(1).at("bytes") == 3);
}

TEST_CASE("artifacts: a folder that is not there has none") {
  CHECK(complete_artifacts(nullptr, "/nowhere/at/all", 7, {}) == json::array());
}

TEST_CASE("artifacts: what a stage writes is in its context, also when it leaves none itself") {
  artifact_folder where;
  stage_env env;
  env.artifacts = where.path;
  env.job = 9;
  auto const told = run_stage(writes_files{}, {}, json_text{R"({"metrics":{"a":1}})"}, env);
  auto const after = told.context.value();
  CHECK(after.at("metrics").at("a") == 1);
  CHECK(after.at("artifacts").at(0).at("name") == "a.txt");
  CHECK(after.at("artifacts").at(0).at("sha256") == abc);
}

TEST_CASE("results: above 16 MiB they are refused, and the error says to write an artifact") {
  artifact_folder where;
  stage_env env;
  env.artifacts = where.path;
  auto const most = 16U * 1024 * 1024;
  CHECK(run_stage(writes_files{}, json_text::of({{"bytes", most / 2}}), {}, env).result ==
        attempt_result::succeeded);
  auto const told = run_stage(writes_files{}, json_text::of({{"bytes", most}}), {}, env);
  CHECK(told.result == attempt_result::failed);
  CHECK(told.error->code == "result_too_large");
  CHECK(told.error->message.find("write what is larger to a file") != std::string::npos);
  CHECK_FALSE(told.error->retryable);
}

TEST_CASE("artifacts: of a step without a context its result is passed on all the same") {
  artifact_folder where;
  stage_env env;
  env.artifacts = where.path;
  env.step = "writes";
  auto const told = run_stage(writes_files{}, json_text::of({{"bytes", 2}}), {}, env);
  CHECK(told.context.value().at("outputs").at("writes") == "xx");
}

TEST_CASE("artifacts: of very many the rest is told by one entry") {
  artifact_folder where;
  for (std::size_t i = 0; i < most_listed_files + 5; ++i)
    where.write(std::to_string(i), "");
  auto const all = complete_artifacts(json{}, where.path, 7, {});
  CHECK(all.size() == most_listed_files + 1);
  CHECK(all.back().at("kind") == "omitted");
  CHECK(all.back().at("files") == 5);
}
