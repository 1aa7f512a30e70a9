#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

namespace nsai::devices {

/// A GPU, or an instance of one that is divided (MIG): what CUDA_VISIBLE_DEVICES may name.
struct device {
  std::string uuid;   // GPU-... or MIG-...
  std::string model;  // an instance's ends with its profile: "NVIDIA A100-SXM4-40GB MIG 3g.20gb"
  std::int64_t memory_mb = 0;
  int capability_major = 0;  // of CUDA, 0: not told
  int capability_minor = 0;
  friend bool operator==(device const&, device const&) = default;
};

struct inventory {
  std::string driver;  // its version
  /// In the library's order, instances in place of the GPU that they divide.
  std::vector<device> devices;
  /// GPUs that are there and cannot be used, a sentence each.
  std::vector<std::string> faults;
};

/// NVIDIA's management library, loaded and initialised for as long as this lives.
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

 private:
  struct loaded;
  explicit nvml(std::unique_ptr<loaded> library);
  std::unique_ptr<loaded> library_;
};

}  // namespace nsai::devices
