// GPUs as NVIDIA's library shows them: a library of its interface shows what a file says.
#include <fstream>

#include <doctest/doctest.h>

#include "tests/e2e/cluster.hpp"

using namespace nsai::tests;

namespace {

struct machine_with_gpus : cluster {
  node_process& start(json const& shown, json config = json::object()) {
    auto const file = directory() / "machine.json";
    std::ofstream{file} << shown;
    add_environment("head", {{"NSAI_FAKE_NVML", file}});
    config["gpu_discovery"]["library"] = NSAI_FAKE_NVML_LIBRARY;
    auto const path = directory() / "head.json";
    std::ofstream{path} << config;
    return start_head({"--config", path, "--cpus", "4"});
  }
  std::string visible(std::vector<std::string> words) {
    words.insert(words.end(), {"--", "sh", "-c", "echo \"<$CUDA_VISIBLE_DEVICES>\""});
    auto const job = submit(words);
    REQUIRE(wait_status(job, "succeeded"));
    return run({"logs", std::to_string(job)}).out;
  }
};

json const two_gpus = json::parse(R"({"driver": "550.54.15", "devices": [
  {"name": "NVIDIA H100 80GB HBM3", "uuid": "GPU-11", "memory_mb": 81559, "capability": [9, 0]},
  {"name": "NVIDIA A100-SXM4-40GB", "uuid": "GPU-22", "memory_mb": 40960, "capability": [8, 0],
   "mig": [{"name": "NVIDIA A100-SXM4-40GB MIG 3g.20gb", "uuid": "MIG-33", "memory_mb": 19968}]}]})");

}  // namespace

TEST_CASE_FIXTURE(machine_with_gpus,
                  "GPUs and instances are offered, and a program sees those that it was granted") {
  start(two_gpus);
  auto const gpus = ask({"nodes"}).at(0).at("gpus");
  REQUIRE(gpus.size() == 2);
  CHECK(gpus.at(0).at("gpu").at("uuid") == "GPU-11");
  CHECK(gpus.at(0).at("gpu").at("memory_mb") == 81'559);
  CHECK(gpus.at(0).at("gpu").at("virtual") == false);
  CHECK(gpus.at(1).at("gpu").at("model") == "NVIDIA A100-SXM4-40GB MIG 3g.20gb");
  CHECK(log_of("head").find(
            "GPU 0: NVIDIA H100 80GB HBM3, 81559 MiB, compute capability 9.0, GPU-11") !=
        std::string::npos);
  CHECK(visible({"--gpu", "H100"}).find("<GPU-11>") != std::string::npos);
  CHECK(visible({"--gpu", "A100 3g.20gb"}).find("<MIG-33>") != std::string::npos);
  CHECK(visible({}).find("<>") != std::string::npos);
  // A part of an A100 is not what is meant by one.
  auto const whole = submit({"--gpu", "A100", "--", "true"});
  CHECK(job(whole).at("status") == "queued");
}

TEST_CASE_FIXTURE(machine_with_gpus, "a GPU that is lost is left out and told") {
  auto shown = two_gpus;
  shown["devices"][0]["fault"] = 15;
  start(shown);
  CHECK(ask({"nodes"}).at(0).at("gpus").size() == 1);
  CHECK(log_of("head").find("leaves out GPU 0: GPU is lost") != std::string::npos);
}

TEST_CASE_FIXTURE(machine_with_gpus, "virtual GPUs stand alone unless both are asked for") {
  auto const virtual_gpus = json::parse(R"([{"model": "T4", "memory_mb": 16384, "count": 1}])");
  start(two_gpus, {{"virtual_gpus", virtual_gpus}});
  CHECK(ask({"nodes"}).at(0).at("gpus").size() == 1);
  stop_node("head");
  start(two_gpus, {{"virtual_gpus", virtual_gpus}, {"gpu_discovery", {{"enabled", true}}}});
  auto const gpus = ask({"nodes"}).at(0).at("gpus");
  REQUIRE(gpus.size() == 3);
  CHECK(gpus.at(2).at("gpu").at("virtual") == true);
}

TEST_CASE("a machine without a driver offers no GPU, and says why once") {
  cluster c;
  auto const path = c.directory() / "head.json";
  std::ofstream{path} << R"({"gpu_discovery": {"library": "libnvidia-ml-none.so.1"}})";
  c.start_head({"--config", path});
  CHECK(c.ask({"nodes"}).at(0).at("gpus").empty());
  auto const log = c.log_of("head");
  std::string const why = "offers no GPU of its own: there is no NVIDIA driver";
  auto const told = log.find(why);
  REQUIRE(told != std::string::npos);
  CHECK(log.find(why, told + 1) == std::string::npos);
}
