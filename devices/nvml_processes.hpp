#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "devices/nvml.hpp"
#include "devices/nvml_api.hpp"

namespace nsai::devices {

/// reading::processes of a device of whose memory so much is in use.
std::optional<std::vector<gpu_process>> shown_processes(nvml_api::functions const& call,
                                                        nvml_api::device handle,
                                                        std::int64_t memory_used_mb);

}  // namespace nsai::devices
