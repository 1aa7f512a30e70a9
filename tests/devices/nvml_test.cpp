// What GPUs a machine has, by a library of NVIDIA's interface that shows what a file says.
#include "devices/nvml.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <doctest/doctest.h>

using namespace nsai::devices;

namespace {

struct shown_machine {
  explicit shown_machine(std::string const& text) {
    std::string name = std::filesystem::temp_directory_path() / "nsai-devices.XXXXXX";
    file = ::mkdtemp(name.data()) / std::filesystem::path{"machine.json"};
    std::ofstream{file} << text;
    ::setenv("NSAI_FAKE_NVML", file.c_str(), 1);
  }
  ~shown_machine() {
    ::unsetenv("NSAI_FAKE_NVML");
    std::filesystem::remove_all(file.parent_path());
  }
  std::filesystem::path file;
};

inventory seen() {
  auto opened = nvml::open(NSAI_FAKE_NVML_LIBRARY);
  REQUIRE(std::holds_alternative<std::unique_ptr<nvml>>(opened));
  return std::get<std::unique_ptr<nvml>>(opened)->look();
}

std::string refusal(std::string const& library) {
  auto const opened = nvml::open(library);
  REQUIRE(std::holds_alternative<std::string>(opened));
  return std::get<std::string>(opened);
}

}  // namespace

TEST_CASE("nvml: a machine without the driver's library, or with another one, says so") {
  CHECK(
      refusal("libnvidia-ml-none.so.1").find("there is no NVIDIA driver: libnvidia-ml-none.so.1") ==
      0);
  CHECK(refusal("libm.so.6") ==
        "libm.so.6 has no nvmlInit_v2; expected a driver of version 450 or later");
}

TEST_CASE("nvml: a library without a loaded driver says so") {
  CHECK(refusal(NSAI_FAKE_NVML_LIBRARY) == "the NVIDIA driver does not answer: Driver Not Loaded");
}

TEST_CASE("nvml: no GPU") {
  shown_machine m{R"({"driver": "550.54.15", "devices": []})"};
  auto const found = seen();
  CHECK(found.driver == "550.54.15");
  CHECK(found.devices.empty());
  CHECK(found.faults.empty());
}

TEST_CASE("nvml: eight GPUs in their order") {
  std::string text = R"({"driver": "550.54.15", "devices": [)";
  for (int i = 0; i < 8; ++i)
    text += std::string(i == 0 ? "" : ",") + R"({"name": "NVIDIA H100 80GB HBM3", "uuid": "GPU-)" +
            std::to_string(i) + R"(", "memory_mb": 81559, "capability": [9, 0]})";
  shown_machine m{text + "]}"};
  auto const found = seen();
  REQUIRE(found.devices.size() == 8);
  CHECK(found.devices[7] == device{"GPU-7", "NVIDIA H100 80GB HBM3", 81'559, 9, 0});
  CHECK(found.faults.empty());
}

TEST_CASE("nvml: the instances of a divided GPU take its place") {
  shown_machine m{R"({"driver": "550", "devices": [
    {"name": "NVIDIA A100-SXM4-40GB", "uuid": "GPU-a", "memory_mb": 40960, "capability": [8, 0],
     "mig": [null, {"name": "NVIDIA A100-SXM4-40GB MIG 3g.20gb", "uuid": "MIG-1", "memory_mb": 19968}, null,
             {"name": "NVIDIA A100-SXM4-40GB MIG 2g.10gb", "uuid": "MIG-2", "memory_mb": 9856}]},
    {"name": "NVIDIA A100-SXM4-40GB", "uuid": "GPU-b", "memory_mb": 40960, "capability": [8, 0], "mig": [null]},
    {"name": "NVIDIA A100-SXM4-40GB", "uuid": "GPU-c", "memory_mb": 40960}]})"};
  auto const found = seen();
  REQUIRE(found.devices.size() == 3);
  CHECK(found.devices[0] == device{"MIG-1", "NVIDIA A100-SXM4-40GB MIG 3g.20gb", 19'968, 8, 0});
  CHECK(found.devices[1].uuid == "MIG-2");
  CHECK(found.devices[2] == device{"GPU-c", "NVIDIA A100-SXM4-40GB", 40'960, 0, 0});
  REQUIRE(found.faults.size() == 1);
  CHECK(found.faults[0] == "GPU 1 (GPU-b) is in MIG mode and has no instance that jobs could use");
}

TEST_CASE("nvml: a GPU that is lost or broken is told, and the others are there") {
  shown_machine m{R"({"driver": "550", "devices": [
    {"name": "NVIDIA L4", "uuid": "GPU-a", "memory_mb": 23034, "fault": 15},
    {"name": "NVIDIA L4", "uuid": "GPU-b", "memory_mb": 23034, "fault": 999},
    {"name": "NVIDIA L4", "uuid": "GPU-c", "memory_mb": 23034, "capability": [8, 9]}]})"};
  auto const found = seen();
  REQUIRE(found.devices.size() == 1);
  CHECK(found.devices[0].uuid == "GPU-c");
  CHECK(found.faults == std::vector<std::string>{"GPU 0: GPU is lost", "GPU 1: Unknown Error"});
}
