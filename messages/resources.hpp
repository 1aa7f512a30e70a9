#pragma once

#include <map>
#include <string>
#include <vector>

#include "messages/error.hpp"
#include "messages/values.hpp"

namespace nsai {

/// What one attempt of a job needs. Units: cpu in cores (thousandths kept), memory in MiB.
struct resources {
  static constexpr char const* type_name = "resources";
  milli cpu{1000};
  std::int64_t memory_mb = 0;      // 0: nothing reserved, no bound
  std::string gpu;                 // model pattern "A100|H100"; empty: any
  std::int32_t gpu_count = 0;      // a pattern without a count means 1 (see `checked`)
  std::int64_t gpu_memory_mb = 0;  // least memory of each GPU; the amount reserved when shared
  milli gpu_share{1000};           // in (0, 1]; 1: exclusive
  std::map<std::string, std::string> node_labels;

  static constexpr auto fields() {
    return std::tuple{field{"cpu", &resources::cpu},
                      field{"memory_mb", &resources::memory_mb},
                      field{"gpu", &resources::gpu},
                      field{"gpu_count", &resources::gpu_count},
                      field{"gpu_memory_mb", &resources::gpu_memory_mb},
                      field{"gpu_share", &resources::gpu_share},
                      field{"node_labels", &resources::node_labels}};
  }
  friend auto operator<=>(resources const&, resources const&) = default;
};

/// Completes a request (a GPU pattern, memory or share without a count asks for one GPU) and checks
/// every bound. Returns the first fault, with its field below `path`.
std::optional<error_info> complete_and_check(resources& request,
                                             std::string const& path = "resources");

/// Whether a device called `model` is meant by `pattern`: alternatives split at '|', matched as a
/// run of whole tokens (split at space, '-' and '_'), ignoring case. The empty pattern matches
/// every model. Instances of a divided GPU ("NVIDIA A100-SXM4-40GB MIG 1g.5gb") are meant only when
/// the pattern says so, by the words "MIG" or "1g.5gb"; other words before these may be left out
/// ("A100 1g.5gb"). Who asks for an A100 does not get a seventh of one.
bool gpu_model_matches(std::string const& pattern, std::string const& model);

/// Whether that is what instances of a divided GPU are called. A process can use one of them, and
/// no other device beside it: jobs that take several GPUs get none.
bool is_instance_model(std::string const& model);

/// The alternatives of a pattern; none of them: any model.
std::vector<std::string> models_in(std::string const& pattern);

/// A device held by one attempt. `share_milli` 1000: exclusive.
struct device_grant {
  static constexpr char const* type_name = "device_grant";
  std::uint32_t index = 0;  // the node's index of the device
  std::string uuid;
  std::string model;
  std::int64_t memory_mb = 0;  // reserved on this device
  std::int64_t share_milli = 1000;
  bool is_virtual = false;

  static constexpr auto fields() {
    return std::tuple{field{"index", &device_grant::index},
                      field{"uuid", &device_grant::uuid},
                      field{"model", &device_grant::model},
                      field{"memory_mb", &device_grant::memory_mb},
                      field{"share_milli", &device_grant::share_milli},
                      field{"virtual", &device_grant::is_virtual}};
  }
  friend bool operator==(device_grant const&, device_grant const&) = default;
};

}  // namespace nsai
