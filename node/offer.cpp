#include "node/offer.hpp"

#include <algorithm>
#include <random>
#include <thread>

#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <sys/sysinfo.h>

#include "devices/nvml.hpp"
#include "node/version.hpp"
#include "stages/compute.hpp"

namespace nsai::node {
namespace {

std::int64_t machine_memory_mb() {
  struct sysinfo info {};
  ::sysinfo(&info);
  return static_cast<std::int64_t>(info.totalram * info.mem_unit / (1024 * 1024));
}

void add_virtual(node_config const& config, node_info& to) {
  for (auto const& gpus : config.virtual_gpus)
    for (std::int32_t i = 0; i < gpus.count; ++i) {
      auto const index = static_cast<std::uint32_t>(to.gpus.size());
      to.gpus.push_back(
          {index, fmt::format("VGPU-{}-{}", to.uuid, index), gpus.model, gpus.memory_mb, true});
    }
}

/// Programs bring their own CUDA; the built-in stages cannot choose.
void warn_of_old(node_config const& config, devices::inventory const& found) {
  constexpr int least_capability = 8;
  auto const built_with = stages::cuda_major_of_this_build();
  if (built_with == 0 || found.devices.empty())
    return;
  if (found.cuda_major > 0 && found.cuda_major < built_with)
    spdlog::warn(
        "node {}: driver {} runs CUDA {}, nsai was built with CUDA {}: its own GPU stages "
        "fail here, programs do not",
        config.name, found.driver, found.cuda_major, built_with);
  for (auto const& gpu : found.devices)
    if (gpu.capability_major > 0 && gpu.capability_major < least_capability)
      spdlog::warn(
          "node {}: {} has compute capability {}.{}, nsai's own GPU stages need {}.0: they "
          "fail there, programs do not",
          config.name, gpu.uuid, gpu.capability_major, gpu.capability_minor, least_capability);
}

/// No driver and no GPU is as usual as some.
void add_real(node_config const& config, node_info& to) {
  if (!finds_gpus(config))
    return;
  auto const opened = devices::nvml::open(config.gpu_discovery.library);
  if (auto const* const why = std::get_if<std::string>(&opened)) {
    spdlog::info("node {} offers no GPU of its own: {}", config.name, *why);
    return;
  }
  auto const found = std::get<std::unique_ptr<devices::nvml>>(opened)->look();
  for (auto const& fault : found.faults)
    spdlog::warn("node {} leaves out {}", config.name, fault);
  if (found.devices.empty())
    spdlog::info("node {} offers no GPU of its own: NVIDIA driver {} shows none that can be used",
                 config.name, found.driver);
  warn_of_old(config, found);
  for (auto const& gpu : found.devices) {
    auto const index = static_cast<std::uint32_t>(to.gpus.size());
    spdlog::info("node {} offers GPU {}: {}, {} MiB, compute capability {}.{}, {}, driver {}",
                 config.name, index, gpu.model, gpu.memory_mb, gpu.capability_major,
                 gpu.capability_minor, gpu.uuid, found.driver);
    to.gpus.push_back({index, gpu.uuid, gpu.model, gpu.memory_mb, false, gpu.link_group});
  }
}

}  // namespace

bool finds_gpus(node_config const& config) {
  return config.gpu_discovery.enabled.value_or(config.virtual_gpus.empty());
}

node_info offer_of(node_config const& config, std::string const& uuid,
                   stages::registry const& registry) {
  node_info info;
  info.uuid = uuid;
  std::random_device random;
  info.incarnation = (static_cast<std::uint64_t>(random()) << 32) | random();
  info.name = config.name;
  info.address = config.advertise.empty() ? "127.0.0.1" : config.advertise;
  info.cpus = config.cpus.value_or(milli{std::max(1U, std::thread::hardware_concurrency()) * 1000});
  info.memory_mb = config.memory_mb.value_or(machine_memory_mb());
  info.labels = config.labels;
  info.labels.emplace("node", config.name);  // so that a job can ask for this very node
  info.maintenance = config.maintenance;
  info.price_per_hour_usd = config.price_per_hour_usd;
  info.version = version_number();
  info.stages = registry.descriptions();
  for (auto& stage : info.stages)
    if (auto const wish = config.stage_backends.find(stage.name);
        wish != config.stage_backends.end())
      stage.backend = wish->second;
  add_real(config, info);
  add_virtual(config, info);
  return info;
}

}  // namespace nsai::node
