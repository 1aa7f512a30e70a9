#pragma once

#include <optional>
#include <string>
#include <vector>

#include "messages/record.hpp"

namespace nsai {

/// A device as its node advertises it.
struct gpu_info {
  static constexpr char const* type_name = "gpu_info";
  std::uint32_t index = 0;
  std::string uuid;
  std::string model;
  std::int64_t memory_mb = 0;
  bool is_virtual = false;  // declared in the config: stages run their CPU twin
  // GPUs of a node with the same number reach each other by NVLink; 0: none, or not known.
  std::uint32_t link_group = 0;

  static constexpr auto fields() {
    using g = gpu_info;
    return std::tuple{field{"index", &g::index},        field{"uuid", &g::uuid},
                      field{"model", &g::model},        field{"memory_mb", &g::memory_mb},
                      field{"virtual", &g::is_virtual}, field{"link_group", &g::link_group}};
  }
  friend bool operator==(gpu_info const&, gpu_info const&) = default;
};

/// How a device is, as its node reads it.
struct gpu_state {
  static constexpr char const* type_name = "gpu_state";
  std::uint32_t index = 0;
  std::string fault;  // of its hardware: why it may have no jobs; empty: none is known
  // Of its memory, held by processes that are not the node's; too little to matter counts as 0.
  std::int64_t foreign_mb = 0;
  std::vector<std::int64_t> foreign_pids;  // theirs, as far as they are shown
  // The driver shows no processes: what each job holds of its memory is not known, nor limited.
  bool processes_hidden = false;
  // Coarse, and absent where the device does not tell.
  std::optional<std::int64_t> temperature_c;
  std::optional<std::int64_t> power_w;
  std::optional<std::int64_t> utilisation_percent;

  static constexpr auto fields() {
    using g = gpu_state;
    return std::tuple{field{"index", &g::index},
                      field{"fault", &g::fault},
                      field{"foreign_mb", &g::foreign_mb},
                      field{"foreign_pids", &g::foreign_pids},
                      field{"processes_hidden", &g::processes_hidden},
                      field{"temperature_c", &g::temperature_c},
                      field{"power_w", &g::power_w},
                      field{"utilisation_percent", &g::utilisation_percent}};
  }
  friend bool operator==(gpu_state const&, gpu_state const&) = default;
};

/// sound: takes jobs. quarantined: takes none, for it was found to fail them. probation: takes one
/// at a time until one has succeeded.
enum class place_health : std::uint8_t { sound, quarantined, probation };
std::vector<std::string> const& enum_names(place_health);

/// Use of one device, for `nsai nodes`.
struct gpu_use {
  static constexpr char const* type_name = "gpu_use";
  gpu_info gpu;
  gpu_state state;
  std::int64_t memory_used_mb = 0;
  milli share_used;
  std::vector<job_id> jobs;
  place_health health = place_health::sound;
  std::string health_reason;  // of a quarantine
  timestamp health_until;     // its end; 0: none, or when the node finds it sound

  static constexpr auto fields() {
    return std::tuple{field{"gpu", &gpu_use::gpu},
                      field{"state", &gpu_use::state},
                      field{"memory_used_mb", &gpu_use::memory_used_mb},
                      field{"share_used", &gpu_use::share_used},
                      field{"jobs", &gpu_use::jobs},
                      field{"health", &gpu_use::health},
                      field{"health_reason", &gpu_use::health_reason},
                      field{"health_until", &gpu_use::health_until}};
  }
  friend bool operator==(gpu_use const&, gpu_use const&) = default;
};

}  // namespace nsai
