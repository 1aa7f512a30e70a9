// What GPUs a machine has, by a library of NVIDIA's interface that shows what a file says.
#include "devices/nvml.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <doctest/doctest.h>
#include <unistd.h>

#include "devices/gpu_faults.hpp"

using namespace nsai::devices;

namespace {

struct shown_machine {
  explicit shown_machine(std::string const& text) {
    std::string name = std::filesystem::temp_directory_path() / "nsai-devices.XXXXXX";
    file = ::mkdtemp(name.data()) / std::filesystem::path{"machine.json"};
    show(text);
    ::setenv("NSAI_FAKE_NVML", file.c_str(), 1);
  }
  void show(std::string const& text) const {
    auto const next = file.parent_path() / "next.json";
    std::ofstream{next} << text;
    std::filesystem::rename(next, file);
  }
  ~shown_machine() {
    ::unsetenv("NSAI_FAKE_NVML");
    std::filesystem::remove_all(file.parent_path());
  }
  std::filesystem::path file;
};

std::unique_ptr<nvml> opened_library() {
  auto opened = nvml::open(NSAI_FAKE_NVML_LIBRARY);
  REQUIRE(std::holds_alternative<std::unique_ptr<nvml>>(opened));
  return std::move(std::get<std::unique_ptr<nvml>>(opened));
}

inventory seen() {
  return opened_library()->look();
}

/// A machine of one GPU of 80,000 MiB about which `more` is shown.
std::string one_gpu(std::string const& more, std::string const& beside = {}) {
  return R"({"driver": "550", "devices": [{"name": "NVIDIA H100", "uuid": "GPU-a", "memory_mb": 80000)" +
         (more.empty() ? more : ", " + more) + "}]" + (beside.empty() ? beside : ", " + beside) +
         "}";
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

TEST_CASE("nvml: a reading tells memory, temperature, power, utilisation and errors") {
  shown_machine m{one_gpu(
      R"("memory_used_mb": 30000, "temperature_c": 61, "power_mw": 350500, "utilisation": 97, "ecc_uncorrected": 3)")};
  auto const now = opened_library()->read("GPU-a");
  CHECK(now.uuid == "GPU-a");
  CHECK(now.gpu == "GPU-a");
  CHECK(now.unreachable.empty());
  CHECK(now.memory_mb == 80'000);
  CHECK(now.memory_used_mb == 30'000);
  CHECK(now.memory_free_mb == 50'000);
  CHECK(now.temperature_c == 61);
  CHECK(now.power_mw == 350'500);
  CHECK(now.utilisation_percent == 97);
  CHECK(now.uncorrectable_errors == 3);
  CHECK(fault_in(now) == "3 memory errors that ECC cannot correct since its last reset");
}

TEST_CASE("nvml: what a GPU does not tell is absent, and no fault") {
  shown_machine m{one_gpu("")};
  auto const now = opened_library()->read("GPU-a");
  CHECK_FALSE(now.temperature_c.has_value());
  CHECK_FALSE(now.power_mw.has_value());
  CHECK_FALSE(now.utilisation_percent.has_value());
  CHECK(now.uncorrectable_errors == 0);
  CHECK_FALSE(now.remap_failed);
  CHECK(fault_in(now).empty());
}

TEST_CASE("nvml: processes with their memory, in order of pid") {
  auto const self = std::to_string(::getpid());
  shown_machine m{one_gpu(R"("memory_used_mb": 900, "processes": [{"pid": )" + self +
                          R"(, "memory_mb": 500}, {"pid": 1}])")};
  auto const now = opened_library()->read("GPU-a");
  REQUIRE(now.processes.has_value());
  CHECK(*now.processes ==
        std::vector<gpu_process>{{1, std::nullopt}, {static_cast<std::int64_t>(::getpid()), 500}});
}

TEST_CASE("nvml: no processes is not the same as processes that are not shown") {
  shown_machine m{one_gpu(R"("memory_used_mb": 4)")};
  auto const library = opened_library();
  CHECK(library->read("GPU-a").processes == std::vector<gpu_process>{});
  SUBCASE("the driver refuses") {
    m.show(one_gpu(R"("processes": "hidden")"));
  }
  SUBCASE("memory is used by nobody") {
    m.show(one_gpu(R"("memory_used_mb": 30000)"));
  }
  SUBCASE("processes are named, and what they use is not") {
    m.show(one_gpu(R"("memory_used_mb": 30000, "processes": [{"pid": 1, "memory_mb": 0}])"));
  }
  SUBCASE("a process of no number") {
    m.show(one_gpu(R"("memory_used_mb": 30000, "processes": [{"pid": 0, "memory_mb": 9}])"));
  }
  SUBCASE("a process is named that is not here") {
    m.show(one_gpu(R"("memory_used_mb": 30000, "processes": [{"pid": 4194999, "memory_mb": 9}])"));
  }
  CHECK_FALSE(library->read("GPU-a").processes.has_value());
}

TEST_CASE("nvml: many processes") {
  auto const self = std::to_string(::getpid());
  std::string list;
  for (int i = 0; i < 100; ++i)
    list += (i == 0 ? "" : ",") + (R"({"pid": )" + self + R"(, "memory_mb": )") +
            std::to_string(i) + "}";
  shown_machine m{one_gpu(R"("processes": [)" + list + "]")};
  CHECK(opened_library()->read("GPU-a").processes ==
        std::vector<gpu_process>{{static_cast<std::int64_t>(::getpid()), 99}});
}

TEST_CASE("nvml: a GPU that is lost is told so, and again when it is back") {
  shown_machine m{one_gpu("")};
  auto const library = opened_library();
  CHECK(library->read("GPU-a").unreachable.empty());
  for (auto const* const fault : {"15", "999"}) {
    m.show(one_gpu(R"("fault": )" + std::string{fault}));
    auto const now = library->read("GPU-a");
    CHECK_FALSE(now.unreachable.empty());
    CHECK(fault_in(now) == "the driver cannot reach it: " + now.unreachable);
  }
  m.show(one_gpu(""));
  CHECK(fault_in(library->read("GPU-a")).empty());
  CHECK_FALSE(library->read("GPU-other").unreachable.empty());
  m.show(one_gpu(R"("fault": 10)"));  // a time-out
  CHECK(library->read("GPU-a").unreachable.empty());
}

TEST_CASE("nvml: one GPU that is lost is no fault of the others, whenever it was lost") {
  auto const both = [](std::string const& of_a) {
    return R"({"driver": "550", "devices": [{"name": "NVIDIA L4", "uuid": "GPU-a", "memory_mb": 23034)" +
           of_a + R"(}, {"name": "NVIDIA L4", "uuid": "GPU-b", "memory_mb": 23034}]})";
  };
  shown_machine m{both("")};
  auto const library = opened_library();
  SUBCASE("after it was seen") {
    library->read("GPU-a");
  }
  SUBCASE("before") {}
  m.show(both(R"(, "fault": 15)"));
  CHECK(library->read("GPU-a").unreachable == "GPU is lost");
  CHECK(library->read("GPU-b").unreachable.empty());
  CHECK(library->read("GPU-b").memory_mb == 23'034);
}

TEST_CASE("nvml: a GPU that has to be reset is told although it still tells its memory") {
  shown_machine m{
      R"({"driver": "550", "devices": [{"name": "NVIDIA A100", "uuid": "GPU-a", "memory_mb": 40960,
    "health_fault": 16, "mig": [{"name": "NVIDIA A100 MIG 3g.20gb", "uuid": "MIG-1", "memory_mb": 19968}]}]})"};
  auto const now = opened_library()->read("MIG-1");
  CHECK(now.gpu == "GPU-a");
  CHECK_FALSE(now.unreachable.empty());
}

TEST_CASE("nvml: instances that are made anew are found, those that are gone are told") {
  auto const with = [](std::string const& instance) {
    return R"({"driver": "550", "devices": [{"name": "NVIDIA A100", "uuid": "GPU-a", "memory_mb": 40960,
      "mig": [)" +
           instance + "]}]}";
  };
  auto const named = [](std::string const& uuid) {
    return R"({"name": "NVIDIA A100 MIG 3g.20gb", "uuid": ")" + uuid + R"(", "memory_mb": 19968})";
  };
  shown_machine m{with(named("MIG-1"))};
  auto const library = opened_library();
  CHECK(library->read("MIG-1").unreachable.empty());
  m.show(with(named("MIG-2")));
  CHECK_FALSE(library->read("MIG-1").unreachable.empty());
  CHECK(library->read("MIG-2").memory_mb == 19'968);
}

TEST_CASE("nvml: a GPU that is divided after it was found is no GPU of its own any more") {
  shown_machine m{one_gpu("")};
  auto const library = opened_library();
  CHECK(library->read("GPU-a").unreachable.empty());
  m.show(one_gpu(
      R"("mig": [{"name": "NVIDIA H100 MIG 3g.40gb", "uuid": "MIG-1", "memory_mb": 40000}])"));
  CHECK_FALSE(library->read("GPU-a").unreachable.empty());
  CHECK(library->read("MIG-1").unreachable.empty());
}

TEST_CASE("nvml: compute instances of one GPU instance are offered a part of its memory each") {
  shown_machine m{
      R"({"driver": "550", "devices": [{"name": "NVIDIA A100", "uuid": "GPU-a", "memory_mb": 40960, "mig": [
    {"name": "NVIDIA A100 MIG 1c.3g.20gb", "uuid": "MIG-1", "memory_mb": 19968, "gpu_instance": 1},
    {"name": "NVIDIA A100 MIG 2c.3g.20gb", "uuid": "MIG-2", "memory_mb": 19968, "gpu_instance": 1},
    {"name": "NVIDIA A100 MIG 3g.20gb", "uuid": "MIG-3", "memory_mb": 19968, "gpu_instance": 2}]}]})"};
  std::vector<std::int64_t> memory;
  for (auto const& d : seen().devices)
    memory.push_back(d.memory_mb);
  CHECK(memory == std::vector<std::int64_t>{9'984, 9'984, 19'968});
}

TEST_CASE("nvml: a GPU without memory of its own has the machine's") {
  shown_machine m{
      R"({"driver": "580", "devices": [{"name": "NVIDIA GB10", "uuid": "GPU-a", "capability": [12, 1]}]})"};
  auto const found = seen();
  REQUIRE(found.devices.size() == 1);
  CHECK(found.devices[0].memory_mb > 100);
  auto const now = opened_library()->read("GPU-a");
  CHECK(now.unreachable.empty());
  CHECK(now.memory_mb == found.devices[0].memory_mb);
  CHECK(now.memory_used_mb == 0);
}

TEST_CASE("nvml: the newest CUDA that the driver runs is told where the driver tells it") {
  shown_machine m{R"({"driver": "550.54", "cuda": 12040, "devices": []})"};
  CHECK(seen().cuda_major == 12);
  m.show(R"({"driver": "450", "devices": []})");
  CHECK(seen().cuda_major == 0);
}

TEST_CASE("nvml: an instance is as well as the GPU that it is of") {
  shown_machine m{R"({"driver": "550", "devices": [
    {"name": "NVIDIA A100", "uuid": "GPU-a", "memory_mb": 40960, "ecc_uncorrected": 1, "remap_failed": true,
     "temperature_c": 40, "mig": [{"name": "NVIDIA A100 MIG 3g.20gb", "uuid": "MIG-1", "memory_mb": 19968}]}]})"};
  auto const now = opened_library()->read("MIG-1");
  CHECK(now.gpu == "GPU-a");
  CHECK(now.memory_mb == 19'968);
  CHECK(now.uncorrectable_errors == 1);
  CHECK(now.temperature_c == 40);
  CHECK(fault_in(now) == "bad memory cannot be replaced by spare rows");
}

TEST_CASE("nvml: errors that the driver reports come once each") {
  shown_machine m{one_gpu("", R"("xids": [{"device": 0, "xid": 13}])")};
  auto const library = opened_library();
  CHECK(library->take_xids().empty());  // from before
  m.show(one_gpu(
      R"("fault": 15)",
      R"("xids": [{"device": 0, "xid": 13}, {"device": 0, "xid": 31}, {"device": 0, "xid": 79}])"));
  CHECK(library->take_xids() == std::vector<xid_report>{{"GPU-a", 31}, {"GPU-a", 79}});
  CHECK(library->take_xids().empty());
}

TEST_CASE("nvml: GPUs that reach each other by NVLink are of one group") {
  auto const groups = [](std::vector<std::string> const& links) {
    std::string text;
    for (std::size_t i = 0; i < links.size(); ++i)
      text += std::string(i == 0 ? "" : ",") + R"({"name": "NVIDIA H100", "uuid": "GPU-)" +
              std::to_string(i) + R"(", "memory_mb": 80000, "nvlink": [)" + links[i] + "]}";
    shown_machine m{R"({"driver": "550", "devices": [)" + text + "]}"};
    std::vector<unsigned> list;
    for (auto const& d : seen().devices)
      list.push_back(d.link_group);
    return list;
  };
  using numbers = std::vector<unsigned>;
  CHECK(groups({"", "", ""}) == numbers{0, 0, 0});
  CHECK(groups({"3", "2", "1", "0", ""}) == numbers{1, 2, 2, 1, 0});  // bridges
  CHECK(groups({"\"s1\", \"s2\"", "\"s2\"", "\"s1\""}) == numbers{1, 1, 1});
  CHECK(groups({"\"a\"", "\"b\"", "\"b\", \"a\"", "\"c\""}) == numbers{1, 1, 1, 0});
}

TEST_CASE("nvml: what this machine's own driver tells makes sense, where there is one") {
  auto const opened = nvml::open(nvml::usual_library);
  if (std::holds_alternative<std::string>(opened))
    return;
  auto& library = *std::get<std::unique_ptr<nvml>>(opened);
  CHECK(library.take_xids().empty());
  for (auto const& d : library.look().devices) {
    auto const now = library.read(d.uuid);
    CAPTURE(d.uuid);
    CHECK(now.unreachable.empty());
    CHECK(now.memory_mb == d.memory_mb);
    CHECK(now.memory_used_mb <= now.memory_mb);
    CHECK(now.memory_free_mb <= now.memory_mb);
    MESSAGE(d.model << ": " << now.memory_used_mb << " MiB used, " << now.memory_free_mb
                    << " MiB free, " << now.temperature_c.value_or(-1) << " C, "
                    << now.power_mw.value_or(-1) << " mW, " << now.utilisation_percent.value_or(-1)
                    << " % busy, " << now.uncorrectable_errors << " errors, processes "
                    << (now.processes ? std::to_string(now.processes->size()) : "not shown"));
    if (now.processes)
      for (auto const& p : *now.processes)
        MESSAGE("process " << p.pid << ": " << p.used_mb.value_or(-1) << " MiB");
  }
}
