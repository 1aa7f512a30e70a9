// The thread that looks at GPUs, by a library of NVIDIA's interface that shows what a file says.
#include "actors/gpu_watch.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <mutex>

#include <doctest/doctest.h>
#include <sys/stat.h>

#include "tests/support/eventually.hpp"

using namespace nsai::actors;
using nsai::tests::eventually;

namespace {

std::size_t threads() {
  return static_cast<std::size_t>(
      std::distance(std::filesystem::directory_iterator{"/proc/self/task"}, {}));
}

struct watched_machine {
  watched_machine() {
    std::string name = std::filesystem::temp_directory_path() / "nsai-watch.XXXXXX";
    file = ::mkdtemp(name.data()) / std::filesystem::path{"machine.json"};
    ::setenv("NSAI_FAKE_NVML", file.c_str(), 1);
    show("");
  }
  ~watched_machine() {
    watch.reset();
    ::unsetenv("NSAI_FAKE_NVML");
    std::filesystem::remove_all(file.parent_path());
  }
  /// Two GPUs; `of_b` is shown of the second.
  void show(std::string const& of_b, int init = 0) const {
    auto const next = file.parent_path() / "next.json";
    std::ofstream{next} << R"({"driver": "550", "init": )" << init << R"(, "devices": [
      {"name": "NVIDIA L4", "uuid": "GPU-a", "memory_mb": 23034},
      {"name": "NVIDIA L4", "uuid": "GPU-b", "memory_mb": 23034)"
                        << of_b << "}]}";
    std::filesystem::rename(next, file);
  }
  void begin() {
    watch = std::make_unique<gpu_watch>(
        gpu_watch::settings{NSAI_FAKE_NVML_LIBRARY,
                            {"GPU-a", "GPU-b"},
                            std::chrono::milliseconds{5},
                            std::chrono::milliseconds{20}},
        [] { return std::vector<attempt_leader>{}; },
        [this](gpu_look seen) {
          std::lock_guard const lock{mutex};
          looks.push_back(std::move(seen));
        });
  }
  std::size_t count() const {
    std::lock_guard const lock{mutex};
    return looks.size();
  }

  std::filesystem::path file;
  mutable std::mutex mutex;
  std::vector<gpu_look> looks;
  std::unique_ptr<gpu_watch> watch;
};

}  // namespace

TEST_CASE("gpu watch: it looks again and again, and no answer is missing between looks") {
  watched_machine m;
  m.begin();
  REQUIRE(eventually([&] { return m.count() >= 3; }));
  std::lock_guard const lock{m.mutex};
  CHECK(m.looks[0].number == 1);
  REQUIRE(m.looks[0].readings.size() == 2);
  CHECK(m.looks[0].readings[1].memory_mb == 23'034);
  REQUIRE(m.looks[0].found.has_value());
  CHECK(m.looks[0].found->size() == 2);
}

TEST_CASE("gpu watch: a driver that does not answer is told with the GPU, and ends nobody") {
  watched_machine m;
  m.begin();
  REQUIRE(eventually([&] { return m.count() >= 1; }));
  auto const fifo = m.file.parent_path() / "fifo";
  REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
  m.show(R"(, "blocks": ")" + fifo.string() + "\"");
  REQUIRE(eventually([&] {
    auto const silent = m.watch->silent();
    return silent && silent->gpu == 1U && silent->lasts > std::chrono::milliseconds{100};
  }));
  SUBCASE("and when it answers again, looks go on") {
    auto const before = m.count();
    m.show("");
    std::ofstream{fifo};
    CHECK(eventually([&] { return m.count() > before + 1; }));
  }
  SUBCASE("while it does not, the watch can be ended") {
    m.watch.reset();
    auto const after = m.count();
    m.show("");
    std::ofstream{fifo};  // the thread that was left alone ends now, and tells nobody
    CHECK(eventually([] { return threads() == 1; }));
    CHECK(m.count() == after);
  }
}

TEST_CASE("gpu watch: a driver that comes later is found") {
  watched_machine m;
  m.show("", 9);
  m.begin();
  m.watch->look_soon();
  m.show("");
  CHECK(eventually([&] { return m.count() >= 1; }));
}
