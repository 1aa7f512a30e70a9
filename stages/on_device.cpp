#include "stages/on_device.hpp"

#include <algorithm>
#include <limits>

namespace nsai::stages {
namespace {

/// Kept of a grant for CUDA's context and cuBLAS's work space: several hundred MiB on recent GPUs.
constexpr std::int64_t context_mb = 768;
constexpr std::int64_t least_mb = 64;

/// For data, on each of the real GPUs.
std::size_t room_in(std::vector<device_grant> const& devices) {
  auto granted_mb = std::numeric_limits<std::int64_t>::max();
  for (auto const& grant : devices)
    if (!grant.is_virtual)
      granted_mb = std::min(granted_mb, grant.memory_mb);
  return static_cast<std::size_t>(std::max(least_mb, granted_mb - context_mb)) << 20U;
}

}  // namespace

bool has_real_gpu(std::vector<device_grant> const& devices) {
  return std::any_of(devices.begin(), devices.end(),
                     [](device_grant const& grant) { return !grant.is_virtual; });
}

compute& device_of(stage_env const& env) {
  if (!has_real_gpu(env.devices))
    return cpu_compute();
  if (!env.gpu)
    throw device_error(
        "stages use a GPU in stage hosts only; the node's config runs this one in the node's "
        "process (stage_backends)",
        fault_class::fail_job, false);
  auto& gpu = env.gpu();
  gpu.limit_memory(room_in(env.devices));
  return gpu;
}

json device_in_words(stage_env const& env, compute const& device) {
  json words{{"name", device.device()}, {"kind", device.on_gpu() ? "gpu" : "cpu"}};
  if (!env.devices.empty() && env.devices.front().is_virtual)
    words["virtual_gpu"] = env.devices.front().model;
  return words;
}

std::string on_its_device(std::string const& summary) {
  return summary + (gpu_code_of_this_build().empty() ? ", on the CPU (built without CUDA)"
                                                     : ", on a GPU where one was granted");
}

compute_hooks hooks_of(stage_env const& env, std::string const& doing) {
  compute_hooks hooks;
  hooks.stop = env.stop;
  if (env.progress)
    hooks.progress = [tell = env.progress, doing](double fraction) { tell(fraction, doing); };
  return hooks;
}

}  // namespace nsai::stages
