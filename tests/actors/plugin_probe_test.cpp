#include "actors/plugin_probe.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include "stages/plugin_check.hpp"
#include "tests/processes/support.hpp"

using namespace nsai;
using namespace nsai::actors;
using namespace nsai::tests;

namespace {

struct probe_fixture {
  probe_fixture() {
    where.stage_host = NSAI_STAGE_HOST;
    where.registry = std::make_shared<stages::registry const>(stages::built_in_stages());
    where.pool = std::make_shared<processes::process_pool>(processes::keeper::start());
    std::filesystem::permissions(directory.path, std::filesystem::perms::owner_all);
  }
  /// A copy that nobody else can write, wherever the build tree lies.
  std::string plugin(std::string const& name) {
    auto const file = directory.path / (name + ".so");
    std::filesystem::copy_file(std::string{NSAI_PLUGINS "/"} + name + ".so", file,
                               std::filesystem::copy_options::overwrite_existing);
    ::chmod(file.c_str(), 0755);
    return file;
  }
  found_plugins probe(std::vector<wanted_plugin> const& wanted,
                      std::chrono::milliseconds limit = std::chrono::seconds{60}) {
    return probe_plugins(where, wanted, limit);
  }
  std::string reason(std::string const& library, std::vector<std::string> stages = {}) {
    auto const found = probe({{library, std::move(stages)}});
    CHECK(found.stages.empty());
    REQUIRE(found.faults.size() == 1);
    CHECK(found.faults[0].library == library);
    return found.faults[0].reason;
  }

  temporary_directory directory;
  workplace where;
};

bool contains(std::string const& text, std::string const& part) {
  CAPTURE(text);
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE_FIXTURE(probe_fixture,
                  "plugins: a sound library tells its stages, which run in hosts only") {
  auto const library = plugin("good");
  auto const found = probe({{library, {}}});
  CHECK(found.faults.empty());
  REQUIRE(found.stages.size() == 2);
  CHECK(found.stages[0].name == "double");
  CHECK(found.stages[0].backend == "stage_host");
  CHECK(found.libraries.at("quit") == library);
}

TEST_CASE_FIXTURE(probe_fixture, "plugins: each fault of a library is told with its reason") {
  CHECK(contains(reason(plugin("no_symbol")), "no symbol nsai_stage_plugin"));
  CHECK(contains(reason(plugin("other_abi")), "version 999"));
  CHECK(contains(reason(plugin("throws")), "no licence was found"));
  CHECK(contains(reason(plugin("crashes")), "SIGSEGV"));
  CHECK(contains(reason(plugin("wrong_name")), "no such name"));
  CHECK(contains(reason(plugin("twice")), "built-in"));
  CHECK(contains(reason(plugin("good"), {"double"}), "quit"));
  CHECK(contains(reason(plugin("good"), {"double", "quit", "treble"}), "treble"));
  auto const text = directory.path / "text.so";
  std::ofstream{text} << "not a library";
  CHECK_FALSE(reason(text).empty());
}

TEST_CASE_FIXTURE(probe_fixture,
                  "plugins: a library that hangs is given up, and the others are found") {
  auto const found =
      probe({{plugin("hangs"), {"late"}}, {plugin("good"), {}}}, std::chrono::milliseconds{5000});
  CHECK(found.stages.size() == 2);
  REQUIRE(found.faults.size() == 1);
  CHECK(contains(found.faults[0].reason, "longer than 5000 ms"));
  CHECK(found.faults[0].stages == std::vector<std::string>{"late"});
  CHECK(where.pool->running() == 0);
}

TEST_CASE_FIXTURE(probe_fixture,
                  "plugins: two libraries with the same stage: the second is a fault") {
  auto const first = plugin("good");
  auto const second = (directory.path / "again.so").string();
  std::filesystem::copy_file(first, second);
  auto const found = probe({{first, {}}, {second, {}}});
  CHECK(found.stages.size() == 2);
  REQUIRE(found.faults.size() == 1);
  CHECK(contains(found.faults[0].reason, first));
}

TEST_CASE_FIXTURE(probe_fixture,
                  "plugins: a file that others can write, or replace, is never loaded") {
  auto const library = plugin("crashes");  // it would tell if it were
  ::chmod(library.c_str(), 0777);
  CHECK(contains(reason(library), "can be written by group or others"));
  ::chmod(library.c_str(), 0775);
  CHECK(contains(reason(library), "can be written by group or others"));
  ::chmod(library.c_str(), 0755);
  ::chmod(directory.path.c_str(), 0777);
  CHECK(contains(reason(library), "can be written by group or others"));
  ::chmod(directory.path.c_str(), 0700);
  CHECK(contains(reason("/nonexistent/x.so"), "No such file"));
  CHECK(contains(stages::plugin_file_fault("x.so"), "not absolute"));
}
