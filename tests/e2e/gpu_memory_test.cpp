// What jobs hold of a GPU's memory: a library of NVIDIA's interface shows what a file says.
#include <filesystem>
#include <fstream>

#include <doctest/doctest.h>

#include "tests/e2e/cluster.hpp"

using namespace nsai::tests;

namespace {

struct watched_gpu : cluster {
  watched_gpu() {
    show(json::array());
    add_environment("head", {{"NSAI_FAKE_NVML", shown()}});
    auto const config = directory() / "head.json";
    std::ofstream{config} << json{{"gpu_discovery", {{"library", NSAI_FAKE_NVML_LIBRARY}}}};
    start_head({"--config", config, "--cpus", "4"});
  }
  std::filesystem::path shown() const { return directory() / "machine.json"; }

  /// "hidden": the driver does not tell.
  void show(json const& processes) {
    std::int64_t used = 0;
    if (processes.is_array())
      for (auto const& each : processes)
        used += each.at("memory_mb").get<std::int64_t>();
    json gpu{{"name", "NVIDIA H100 80GB HBM3"}, {"uuid", "GPU-11"},     {"memory_mb", 80'000},
             {"memory_used_mb", used},          {"capability", {9, 0}}, {"processes", processes}};
    std::ofstream{shown().string() + ".part"} << json{{"driver", "580.1"}, {"devices", {gpu}}};
    std::filesystem::rename(shown().string() + ".part", shown());
  }

  struct running {
    std::uint64_t job = 0;
    std::int64_t pid = 0;
  };
  running start_job(std::vector<std::string> words) {
    auto const file = directory() / ("pid-" + std::to_string(++started_));
    words.insert(words.end(), {"--max-retries", "0", "--", "sh", "-c",
                               "echo $$ > " + file.string() + "; exec sleep 600"});
    running r;
    r.job = submit(words);
    REQUIRE(eventually([&] { return static_cast<bool>(std::ifstream{file} >> r.pid); }));
    return r;
  }
  json holds(running const& r, std::int64_t mb) { return {{"pid", r.pid}, {"memory_mb", mb}}; }
  std::int64_t peak_of(std::uint64_t number) {
    return job(number).at("attempts").at(0).at("peak_gpu_memory_mb").get<std::int64_t>();
  }

 private:
  int started_ = 0;
};

std::vector<std::string> const quarter{"--gpu-share", "0.25", "--gpu-memory", "10000M"};

}  // namespace

TEST_CASE_FIXTURE(
    watched_gpu,
    "a job that holds more of a shared GPU than it reserved is stopped, its neighbour "
    "goes on, and both records have their peaks") {
  auto const modest = start_job(quarter);
  auto const greedy = start_job(quarter);
  show({holds(modest, 9'000), holds(greedy, 9'999)});
  show({holds(modest, 10'000), holds(greedy, 12'345)});
  REQUIRE(wait_status(greedy.job, "failed"));
  auto const error = job(greedy.job).at("error");
  CHECK(error.at("code") == "gpu_memory_exceeded");
  CHECK(error.at("category") == "stage");
  CHECK(error.at("message").get<std::string>().find("held 12345 MiB of GPU 0's memory") !=
        std::string::npos);
  CHECK(peak_of(greedy.job) == 12'345);

  show({holds(modest, 10'000)});
  CHECK(job(modest.job).at("status") == "running");
  CHECK(run({"cancel", std::to_string(modest.job)}).exit_code == 0);
  REQUIRE(wait_status(modest.job, "canceled"));
  auto const record = job(modest.job);
  CHECK(peak_of(modest.job) == 10'000);
  CHECK(record.at("gpu_seconds").get<double>() > 0);
}

TEST_CASE_FIXTURE(watched_gpu, "a job that has a whole GPU may use all of its memory") {
  auto const whole = start_job({"--gpus", "1", "--gpu-memory", "10000M"});
  show({holds(whole, 79'000)});
  auto const late = submit({"--stage", "sleep", "--set", "seconds=3"});
  CHECK(wait_status(late, "succeeded"));  // some looks later
  CHECK(job(whole.job).at("status") == "running");
}

TEST_CASE_FIXTURE(watched_gpu, "where the driver shows no processes, the node says so") {
  show("hidden");
  CHECK(eventually([&] {
    return run({"nodes"}).out.find("limits of GPU memory are unsupported") != std::string::npos;
  }));
}
