#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace nsai::devices {

/// A GPU, or an instance of one that is divided (MIG): what CUDA_VISIBLE_DEVICES may name.
struct device {
  std::string uuid;   // GPU-... or MIG-...
  std::string model;  // an instance's ends with its profile: "NVIDIA A100-SXM4-40GB MIG 3g.20gb"
  std::int64_t memory_mb = 0;  // instances that have memory together: a part each
  int capability_major = 0;    // of CUDA, 0: not told
  int capability_minor = 0;
  // Whole GPUs with the same number reach each other by NVLink, directly or by switches; 0: none.
  unsigned link_group = 0;
  friend bool operator==(device const&, device const&) = default;
};

struct inventory {
  std::string driver;  // its version
  int cuda_major = 0;  // the newest CUDA that it runs; 0: not told
  /// In the library's order, instances in place of the GPU that they divide.
  std::vector<device> devices;
  /// GPUs that are there and cannot be used, a sentence each.
  std::vector<std::string> faults;
};

/// A process that has opened a GPU, to compute or to draw.
struct gpu_process {
  std::int64_t pid = 0;                 // as this process would name it
  std::optional<std::int64_t> used_mb;  // of that GPU's memory; none: not told
  friend bool operator==(gpu_process const&, gpu_process const&) = default;
};

/// How a device is at one moment. What a driver or a kind of device does not tell is absent.
struct reading {
  std::string uuid;
  std::string gpu;  // uuid of the whole GPU that an instance is of; else the same
  /// Why the driver cannot reach the device, in its words; empty: it can. All else is absent then.
  std::string unreachable;
  std::int64_t memory_mb = 0;
  std::int64_t memory_free_mb = 0;
  /// By processes, as far as the driver tells that apart from its own reserve (since version 510);
  /// an idle device can show some MiB.
  std::int64_t memory_used_mb = 0;
  std::optional<std::int64_t> temperature_c;
  std::optional<std::int64_t> power_mw;
  std::optional<std::int64_t> utilisation_percent;
  /// Memory errors that ECC could not correct, since the driver was loaded or the GPU reset.
  std::int64_t uncorrectable_errors = 0;
  bool remap_failed = false;  // bad memory was found and cannot be replaced by spare rows
  /// In order of pid. Absent: not shown, which happens in containers: the driver refuses, shows
  /// none though memory is used, or names processes that are not of this process's namespace.
  std::optional<std::vector<gpu_process>> processes;
  friend bool operator==(reading const&, reading const&) = default;
};

/// The driver has reported an error of a GPU, by its number (gpu_faults.hpp).
struct xid_report {
  std::string gpu;  // uuid of the whole GPU
  unsigned xid = 0;
  friend bool operator==(xid_report const&, xid_report const&) = default;
};

/// NVIDIA's management library, loaded and initialised for as long as this lives. May
/// be asked by several threads, and opened several times.
class nvml {
 public:
  static constexpr char const* usual_library = "libnvidia-ml.so.1";

  /// `library`: a name for the loader, or a path. Else a sentence that says why there is none, such
  /// as that this machine has no NVIDIA driver.
  static std::variant<std::unique_ptr<nvml>, std::string> open(std::string const& library);
  ~nvml();
  nvml(nvml const&) = delete;
  nvml& operator=(nvml const&) = delete;

  inventory look() const;
  /// How the device of that uuid is now. Takes milliseconds; with a GPU that fails, seconds.
  reading read(std::string const& uuid) const;
  /// What was reported since the last call; from the first call on. Does not wait.
  /// Of one thread.
  std::vector<xid_report> take_xids();

 private:
  struct loaded;
  explicit nvml(std::unique_ptr<loaded> library);
  std::unique_ptr<loaded> library_;
};

}  // namespace nsai::devices
