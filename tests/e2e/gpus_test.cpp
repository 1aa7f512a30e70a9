// GPUs as NVIDIA's library shows them: a library of its interface shows what a file says.
#include <fstream>

#include <doctest/doctest.h>
#include <unistd.h>

#include "tests/e2e/cluster.hpp"
#include "tests/support/hanging.hpp"
#include "tests/support/skip.hpp"

using namespace nsai::tests;

namespace {

struct machine_with_gpus : cluster {
  std::filesystem::path file() const { return directory() / "machine.json"; }
  void show(json const& shown) const {
    auto const next = directory() / "next.json";
    std::ofstream{next} << shown;
    std::filesystem::rename(next, file());
  }
  node_process& start(json const& shown, json config = json::object()) {
    show(shown);
    add_environment("head", {{"NSAI_FAKE_NVML", file()}});
    config["gpu_discovery"]["library"] = NSAI_FAKE_NVML_LIBRARY;
    auto const path = directory() / "head.json";
    std::ofstream{path} << config;
    return start_head({"--config", path, "--cpus", "4"});
  }
  json gpu(std::size_t index) const { return ask({"nodes"}).at(0).at("gpus").at(index); }
  bool eventually_health(std::size_t index, std::string const& health) const {
    return eventually([&] { return gpu(index).at("health") == health; }, std::chrono::seconds{30});
  }
  bool eventually_foreign(std::size_t index, std::int64_t mb) const {
    return eventually([&] { return gpu(index).at("state").at("foreign_mb") == mb; },
                      std::chrono::seconds{30});
  }
  /// Runs until it is stopped while it has that GPU; a success elsewhere.
  std::uint64_t stuck_on(std::string const& uuid) const {
    return submit({"--gpu", "H100", "--max-retries", "0", "--", "sh", "-c",
                   "[ \"$CUDA_VISIBLE_DEVICES\" != " + uuid + " ] || exec sleep 600"});
  }
  std::size_t count_events(std::string const& name) const {
    return ask({"events", "--name", name}).size();
  }
  std::string visible(std::vector<std::string> words) {
    words.insert(words.end(), {"--", "sh", "-c", "echo \"<$CUDA_VISIBLE_DEVICES>\""});
    auto const job = submit(words);
    REQUIRE(wait_status(job, "succeeded"));
    return run({"logs", std::to_string(job)}).out;
  }
};

json many_gpus(int count) {
  json shown{{"driver", "550.54.15"}, {"devices", json::array()}};
  for (int i = 0; i < count; ++i)
    shown["devices"].push_back({{"name", "NVIDIA H100 80GB HBM3"},
                                {"uuid", "GPU-" + std::to_string(i)},
                                {"memory_mb", 80'000},
                                {"temperature_c", 40 + i},
                                {"power_mw", 100'000},
                                {"utilisation", 0}});
  return shown;
}

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

TEST_CASE_FIXTURE(
    machine_with_gpus,
    "a GPU that is lost at the start is left out and told, and offered when it is back") {
  auto shown = two_gpus;
  shown["devices"][0]["fault"] = 15;
  start(shown, {{"gpu_discovery", {{"again_ms", 100}}}});
  CHECK(ask({"nodes"}).at(0).at("gpus").size() == 1);
  CHECK(log_of("head").find("leaves out GPU 0: GPU is lost") != std::string::npos);
  auto const runs = submit({"--", "sleep", "600"});
  REQUIRE(wait_status(runs, "running"));
  auto const waits = submit({"--gpu", "H100", "--", "true"});
  show(two_gpus);
  REQUIRE(wait_status(waits, "succeeded"));
  CHECK(job(runs).at("status") == "running");
  CHECK(job(runs).at("attempts").size() == 1);
  auto const gpus = ask({"nodes"}).at(0).at("gpus");
  REQUIRE(gpus.size() == 2);
  CHECK(gpus.at(1).at("gpu").at("uuid") == "GPU-11");
  CHECK(gpus.at(1).at("gpu").at("index") == 1);
}

TEST_CASE_FIXTURE(machine_with_gpus, "a driver that comes after the node brings its GPUs") {
  start({{"init", 9}, {"devices", json::array()}}, {{"gpu_discovery", {{"again_ms", 100}}}});
  CHECK(ask({"nodes"}).at(0).at("gpus").empty());
  show(two_gpus);
  CHECK(wait_status(submit({"--gpu", "H100", "--", "true"}), "succeeded"));
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

TEST_CASE_FIXTURE(machine_with_gpus,
                  "a job whose GPU is lost goes on on another one without blame, and the GPU comes "
                  "back when it is sound") {
  auto shown = many_gpus(8);
  start(shown);
  auto const victim = stuck_on("GPU-0");
  REQUIRE(wait_status(victim, "running"));
  shown["devices"][0]["fault"] = 15;
  show(shown);
  REQUIRE(wait_status(victim, "succeeded"));
  auto const record = job(victim);
  REQUIRE(record.at("attempts").size() == 2);
  CHECK(record["attempts"][0].at("outcome") == "device_fault");
  CHECK(record["attempts"][0].at("error").at("code") == "gpu_fault");
  auto const lost = gpu(0);
  CHECK(lost.at("health") == "quarantined");
  CHECK(lost.at("health_reason") == "the driver cannot reach it: GPU is lost");
  CHECK(run({"nodes"}).out.find("GPU 0 (NVIDIA H100 80GB HBM3) is quarantined: the driver cannot "
                                "reach it: GPU is lost") != std::string::npos);
  CHECK(count_events("work.gpu.quarantined") == 1);
  shown["devices"][0].erase("fault");
  show(shown);
  CHECK(eventually_health(0, "sound"));
  CHECK(count_events("work.gpu.released") == 1);
}

TEST_CASE_FIXTURE(
    machine_with_gpus,
    "a program that hangs on a lost GPU and cannot be killed keeps its job from nothing") {
  auto shown = many_gpus(2);
  start(shown);
  auto const pid_file = directory() / "pid";
  auto const victim = submit({"--gpu", "H100", "--max-retries", "0", "--", "sh", "-c",
                              "[ $CUDA_VISIBLE_DEVICES = GPU-0 ] || exit 0; echo $$ > " +
                                  pid_file.string() + ".new; mv " + pid_file.string() + ".new " +
                                  pid_file.string() + "; exec sleep 600"});
  REQUIRE(eventually([&] { return std::filesystem::exists(pid_file); }, std::chrono::seconds{30}));
  pid_t pid = 0;
  std::ifstream{pid_file} >> pid;
  hanging program{pid};
  if (!program.works())
    return skip("processes may not be traced here");
  shown["devices"][0]["fault"] = 15;
  show(shown);
  REQUIRE(wait_status(victim, "succeeded", std::chrono::seconds{90}));
  CHECK(job(victim).at("attempts").at(0).at("outcome") == "device_fault");
  CHECK(::kill(pid, 0) == 0);
  // It is back, and what still holds its memory is nobody's.
  shown["devices"][0].erase("fault");
  shown["devices"][0]["memory_used_mb"] = 30'300;
  shown["devices"][0]["processes"] = {{{"pid", pid}, {"memory_mb", 30'000}}};
  show(shown);
  CHECK(eventually_health(0, "sound"));
  CHECK(eventually_foreign(0, 30'000));
}

TEST_CASE_FIXTURE(
    machine_with_gpus,
    "a GPU that was released by hand is used, and what fails there is the job's fault") {
  auto shown = many_gpus(1);
  shown["devices"][0]["ecc_uncorrected"] = 1;
  start(shown);
  REQUIRE(eventually_health(0, "quarantined"));
  for (int const celsius : {60, 80}) {  // told ten looks apart: the fault is no news any more
    shown["devices"][0]["temperature_c"] = celsius;
    show(shown);
    REQUIRE(eventually([&] { return gpu(0).at("state").at("temperature_c") == celsius; },
                       std::chrono::seconds{30}));
  }
  run({"resume", "head"});
  CHECK(eventually_health(0, "sound"));
  auto const fails = submit({"--gpu", "H100", "--max-retries", "0", "--", "false"});
  REQUIRE(wait_status(fails, "failed"));
  CHECK(job(fails).at("error").at("code") == "exit_status");
  CHECK(gpu(0).at("health") == "sound");
  shown["devices"][0]["ecc_uncorrected"] = 2;
  show(shown);
  CHECK(eventually_health(0, "quarantined"));
}

TEST_CASE_FIXTURE(machine_with_gpus,
                  "four quarters of a GPU run at once, and who asks for more than is free waits") {
  start(many_gpus(1));
  std::vector<std::uint64_t> quarters;
  for (int i = 0; i < 4; ++i)
    quarters.push_back(submit({"--gpu-share", "0.25", "--cpu", "0.5", "--", "sleep", "600"}));
  for (auto const each : quarters)
    REQUIRE(wait_status(each, "running"));
  auto const fifth = submit({"--gpu-share", "0.25", "--gpu-memory", "30000M", "--", "true"});
  CHECK(ask({"explain", std::to_string(fifth)}).at("rule") == "busy");
  run({"cancel", std::to_string(quarters[0])});
  REQUIRE(wait_status(quarters[0], "canceled"));
  CHECK(job(fifth).at("status") == "queued");  // 20,000 MiB are not enough
  run({"cancel", std::to_string(quarters[1])});
  CHECK(wait_status(fifth, "succeeded"));
}

TEST_CASE_FIXTURE(machine_with_gpus,
                  "errors of the hardware end what runs there, errors of a program do not") {
  auto shown = many_gpus(2);
  start(shown);
  auto const first = stuck_on("GPU-0");
  REQUIRE(wait_status(first, "running"));
  shown["xids"] = {{{"device", 0}, {"xid", 31}}, {{"device", 0}, {"xid", 13}}};
  show(shown);
  CHECK(eventually([&] { return log_of("head").find("XID 13") != std::string::npos; }));
  CHECK(gpu(0).at("health") == "sound");
  CHECK(job(first).at("status") == "running");
  shown["xids"].push_back({{"device", 0}, {"xid", 79}});
  show(shown);
  REQUIRE(wait_status(first, "succeeded"));
  CHECK(gpu(0).at("health_reason") == "XID 79: the GPU has fallen off the bus");
  shown["devices"][1]["ecc_uncorrected"] = 2;
  show(shown);
  CHECK(eventually_health(1, "quarantined"));
  auto const waits = submit({"--gpu", "H100", "--", "true"});
  auto const why = ask({"explain", std::to_string(waits)});
  CHECK(why.at("rule") == "quarantine");
  stop_node("head");
  shown["devices"][1]["ecc_uncorrected"] = 0;
  start(shown);  // the XIDs were told before
  CHECK(wait_status(waits, "succeeded"));
}

TEST_CASE_FIXTURE(machine_with_gpus, "a job that fails by its GPU is not blamed") {
  auto shown = many_gpus(2);
  start(shown);
  shown["devices"][0]["ecc_uncorrected"] = 1;
  auto const next = directory() / "after.json";
  std::ofstream{next} << shown;
  auto const job_there = submit({"--gpu", "H100", "--max-retries", "0", "--", "sh", "-c",
                                 "[ $CUDA_VISIBLE_DEVICES = GPU-0 ] || exit 0; mv " +
                                     next.string() + " " + file().string() + "; exit 1"});
  REQUIRE(wait_status(job_there, "succeeded"));
  CHECK(job(job_there).at("attempts").at(0).at("outcome") == "device_fault");
}

TEST_CASE_FIXTURE(machine_with_gpus, "a job waits for memory that a stranger holds, and starts") {
  auto shown = many_gpus(1);
  shown["devices"][0]["memory_used_mb"] = 30'400;
  shown["devices"][0]["processes"] = {{{"pid", ::getpid()}, {"memory_mb", 30'000}}};
  start(shown);
  CHECK(gpu(0).at("state").at("foreign_mb") == 30'000);  // from the registration on
  CHECK(gpu(0).at("state").at("temperature_c") == 40);
  auto const waits = submit({"--gpu", "H100", "--gpu-memory", "60000M", "--", "true"});
  auto const any = submit({"--gpu", "H100", "--", "true"});
  auto const fits = submit({"--gpu", "H100", "--gpu-memory", "40000M", "--", "true"});
  CHECK(wait_status(fits, "succeeded"));
  auto const why = ask({"explain", std::to_string(waits)});
  CHECK(why.at("rule") == "gpu_memory");
  auto const sentence = "30,000 of 80,000 MiB are held by processes that are not of nsai (pid " +
                        std::to_string(::getpid()) + ")";
  CHECK(why.at("reason").get<std::string>().find(sentence) != std::string::npos);
  CHECK(run({"explain", std::to_string(any)}).out.find(sentence) != std::string::npos);
  CHECK(run({"nodes"}).out.find("processes that are not of nsai") != std::string::npos);
  shown["devices"][0]["memory_used_mb"] = 0;
  shown["devices"][0]["processes"] = json::array();
  show(shown);
  CHECK(wait_status(waits, "succeeded"));
  CHECK(wait_status(any, "succeeded"));
}

TEST_CASE_FIXTURE(machine_with_gpus, "what a job uses is not a stranger's") {
  auto shown = many_gpus(1);
  start(shown);
  auto const pid_file = directory() / "pid";
  auto const runs =
      submit({"--gpu", "H100", "--", "sh", "-c",
              "sh -c 'echo $$ > " + pid_file.string() + ".new; mv " + pid_file.string() + ".new " +
                  pid_file.string() + "; exec sleep 600'; true"});
  REQUIRE(eventually([&] { return std::filesystem::exists(pid_file); }, std::chrono::seconds{30}));
  std::int64_t pid = 0;
  std::ifstream{pid_file} >> pid;
  shown["devices"][0]["memory_used_mb"] = 60'300;
  shown["devices"][0]["processes"] = {{{"pid", pid}, {"memory_mb", 50'000}},
                                      {{"pid", ::getpid()}, {"memory_mb", 10'000}}};
  show(shown);
  CHECK(eventually_foreign(0, 10'000));
  CHECK(gpu(0).at("state").at("foreign_pids") == json::array({::getpid()}));
  CHECK(job(runs).at("status") == "running");
  run({"cancel", std::to_string(runs)});
  shown["devices"][0]["memory_used_mb"] = 30'000;
  shown["devices"][0]["processes"] = "hidden";
  show(shown);
  CHECK(eventually_foreign(0, 30'000));
}
