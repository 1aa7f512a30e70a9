// Whole nodes on a machine with a GPU of NVIDIA; skipped elsewhere (ctest -L gpu).
#include <chrono>

#include <doctest/doctest.h>

#include "tests/e2e/cluster.hpp"
#include "tests/support/skip.hpp"

using namespace nsai::tests;

namespace {

bool const may_skip = (all_may_skip(), true);

struct gpu_machine : cluster {
  /// False where there is none.
  bool start() {
    start_head({"--cpus", "16"});
    gpus = ask({"nodes"}).at(0).at("gpus");
    bool const none = gpus.empty();
    return !cannot_run(none ? "no GPU: " + log_of("head").substr(0, 400) : "");
  }
  json finished_job(std::uint64_t number) {
    REQUIRE_MESSAGE(wait_status(number, "succeeded"), job(number).dump());
    return job(number);
  }
  std::uint64_t on_gpu(std::vector<std::string> more) {
    more.insert(more.begin(), {"--gpus", "1"});
    return submit(more);
  }
  json gpus;
};

std::string const rows = "[[1,0,0],[0,1,0],[1,1,1],[0.5,2,0.25]]";

}  // namespace

TEST_CASE_FIXTURE(gpu_machine, "stages compute on the granted GPU, with the CPU twin's results") {
  if (!start())
    return;
  auto const first = finished_job(on_gpu({"--stage", "gpu_noop"}));
  CHECK(first.at("result").at("device").at("kind") == "gpu");
  CHECK(first.at("devices").at(0).at("uuid") == gpus.at(0).at("gpu").at("uuid"));
  std::vector<std::string> const search{"--stage", "similarity",     "--set", "queries=" + rows,
                                        "--set",   "corpus=" + rows, "--set", "k=4"};
  auto const there = finished_job(on_gpu(search)).at("result");
  auto const here = finished_job(submit(search)).at("result");
  CHECK(there.at("device").at("kind") == "gpu");
  CHECK(here.at("device").at("kind") == "cpu");
  for (std::size_t q = 0; q < 4; ++q)
    for (std::size_t i = 0; i < 4; ++i)
      CHECK(there.at("neighbours")[q][i].at("score").get<double>() ==
            doctest::Approx(here.at("neighbours")[q][i].at("score").get<double>()).epsilon(1e-4));
}

TEST_CASE_FIXTURE(gpu_machine,
                  "a host keeps its context: the second job takes a part of the first") {
  if (!start())
    return;
  auto const busy = [&] {
    auto const record = finished_job(on_gpu({"--stage", "gpu_noop"}));
    return record.at("attempts").at(0).at("duration_ms").get<std::int64_t>();
  };
  auto const first = busy();
  auto second = busy();
  for (int i = 0; i < 3; ++i)
    second = std::min(second, busy());
  MESSAGE("first " << first << " ms, then " << second << " ms");
  CHECK(second * 5 <= first);
}

TEST_CASE_FIXTURE(gpu_machine,
                  "four quarters of a GPU run at once; a fifth that needs more waits") {
  if (!start())
    return;
  auto const memory = gpus.at(0).at("gpu").at("memory_mb").get<std::int64_t>();
  std::vector<std::uint64_t> quarters;
  for (int i = 0; i < 4; ++i)
    quarters.push_back(on_gpu({"--gpu-share", "0.25", "--stage", "sleep", "--set", "seconds=600"}));
  for (auto const each : quarters)
    CHECK(wait_status(each, "running"));
  auto const fifth = on_gpu({"--gpu-share", "0.25", "--gpu-memory",
                             std::to_string(memory / 2) + "M", "--stage", "gpu_noop"});
  CHECK(job(fifth).at("status") == "queued");
  CHECK(run({"cancel", std::to_string(quarters[0])}).exit_code == 0);
  CHECK(wait_status(quarters[0], "canceled"));
  CHECK(job(fifth).at("status") == "queued");
  for (std::size_t i = 1; i < 4; ++i)
    CHECK(run({"cancel", std::to_string(quarters[i])}).exit_code == 0);
  CHECK(wait_status(fifth, "succeeded"));
}

TEST_CASE_FIXTURE(gpu_machine, "nsai nodes --probe shows what each GPU does") {
  if (!start())
    return;
  auto const all = ask({"nodes", "--probe"});
  REQUIRE(all.size() == gpus.size());
  for (auto const& each : all) {
    CHECK(each.at("status") == "succeeded");
    CHECK(each.at("measured").at("device").at("kind") == "gpu");
    CHECK(each.at("measured").at("copy_gb_per_s").get<double>() > 10);
  }
}
