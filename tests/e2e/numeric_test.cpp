// Stages that compute, under whole nodes with virtual GPUs: their CPU twins.
#include <filesystem>
#include <fstream>

#include <doctest/doctest.h>

#include "tests/e2e/cluster.hpp"

using namespace nsai::tests;

namespace {

struct virtual_gpus : cluster {
  virtual_gpus() {
    auto const config = directory() / "head.json";
    std::ofstream{config} << R"({"virtual_gpus": [
      {"model": "NVIDIA A100-SXM4-40GB", "memory_mb": 40960, "count": 2}]})";
    start_head({"--config", config, "--cpus", "4"});
  }
  json result_of(std::vector<std::string> words) {
    auto const number = submit(words);
    REQUIRE_MESSAGE(wait_status(number, "succeeded"), job(number).dump());
    return job(number).at("result");
  }
};

}  // namespace

TEST_CASE_FIXTURE(virtual_gpus, "a search is submitted by its rows, and leaves NumPy files") {
  auto const number =
      submit({"--gpus", "1", "--stage", "similarity", "--set", "queries=[[1,0],[0,1]]", "--set",
              "corpus=[[0,3],[2,0.1]]", "--set", "k=1"});
  REQUIRE_MESSAGE(wait_status(number, "succeeded"), job(number).dump());
  auto const result = job(number).at("result");
  CHECK(result.at("neighbours")[0][0].at("index") == 1);
  CHECK(result.at("neighbours")[1][0].at("index") == 0);
  CHECK(result.at("device").at("kind") == "cpu");
  CHECK(result.at("device").at("virtual_gpu") == "NVIDIA A100-SXM4-40GB");
  CHECK(std::filesystem::exists(data_of("head") / "artifacts" / "0" / std::to_string(number) /
                                "indices.npy"));
}

TEST_CASE("a data directory may be a relative path: artifacts stay where it is") {
  cluster c;
  node_process node{{"env", "--chdir=" + c.directory().string(), program(), "node", "--name", "n",
                     "--listen", c.address(), "--data-dir", "here"},
                    c.directory() / "n.log",
                    {{"XDG_RUNTIME_DIR", (c.directory() / "runtime").string()}}};
  REQUIRE(node.wait_ready());
  auto const number = c.submit(
      {"--stage", "similarity", "--set", "queries=[[1,0]]", "--set", "corpus=[[0,3],[2,0.1]]"});
  REQUIRE(c.wait_status(number, "succeeded"));
  CHECK(std::filesystem::exists(c.directory() / "here" / "artifacts" / "0" /
                                std::to_string(number) / "scores.npy"));
}

TEST_CASE_FIXTURE(virtual_gpus, "a path is taken as one, and a bad one is told with its field") {
  auto const points = directory() / "texts.txt";
  std::ofstream{points} << "one two\nthree\n";
  CHECK(result_of({"--stage", "ngram_features", "--set", "texts=" + points.string()}).at("texts") ==
        2);
  auto const bad = submit({"--stage", "topology", "--set", "points=" + points.string()});
  REQUIRE(wait_status(bad, "failed"));
  CHECK(job(bad).at("error").at("code") == "bad_input");
  CHECK(job(bad).at("error").at("message").get<std::string>().find("options.points: texts.txt") ==
        0);
}

TEST_CASE_FIXTURE(virtual_gpus,
                  "nodes --probe measures each GPU, and says that a virtual one is a CPU") {
  auto const all = ask({"nodes", "--probe"});
  REQUIRE(all.size() == 2);
  CHECK(all[0].at("gpu").at("index") != all[1].at("gpu").at("index"));
  for (auto const& each : all)
    CHECK(each.at("measured").at("copy_gb_per_s").get<double>() > 0);
  auto const shown = run({"nodes", "--probe"});
  CHECK(shown.exit_code == 0);
  CHECK(shown.out.find("GPU 1 is virtual: what was measured is the CPU") != std::string::npos);
}

TEST_CASE_FIXTURE(virtual_gpus, "a job asks for one very node by its name") {
  start_node("other", {"--cpus", "4"});
  auto const there = submit({"--node-label", "node=other", "--stage", "echo"});
  REQUIRE(wait_status(there, "succeeded"));
  CHECK(job(there).at("node") == "other");
  auto const nowhere = submit({"--node-label", "node=none", "--stage", "echo"});
  CHECK(job(nowhere).at("status") == "queued");
}

TEST_CASE_FIXTURE(virtual_gpus, "version and stages say which GPU code there is") {
  auto const version = run({"--version"}).out;
  bool const with = version.find("GPU code of CUDA") != std::string::npos;
  CHECK(with != (version.find("without CUDA") != std::string::npos));
  auto const stages = run({"stages"}).out;
  CHECK((stages.find("on a GPU where one was granted") != std::string::npos) == with);
  CHECK((stages.find("built without CUDA") != std::string::npos) != with);
}
