#pragma once

/// What is used of NVIDIA's management library, by its documented C interface
/// (docs.nvidia.com/deploy/nvml-api). Declared here, since the library comes with the driver and is
/// loaded at run time: everything builds where neither driver nor toolkit is.
namespace nsai::devices::nvml_api {

using device = struct opaque_device*;

enum result : int {
  success = 0,
  not_supported = 3,
  not_found = 6,
  driver_not_loaded = 9,
  gpu_is_lost = 15,
};

struct memory {  // bytes
  unsigned long long total;
  unsigned long long free;
  unsigned long long used;
};

inline constexpr unsigned name_size = 96;
inline constexpr unsigned uuid_size = 96;
inline constexpr unsigned version_size = 80;

/// The functions by the names under which the library has them.
struct functions {
  int (*nvmlInit_v2)();
  int (*nvmlShutdown)();
  char const* (*nvmlErrorString)(int);
  int (*nvmlSystemGetDriverVersion)(char* version, unsigned size);
  int (*nvmlDeviceGetCount_v2)(unsigned* count);
  int (*nvmlDeviceGetHandleByIndex_v2)(unsigned index, device* to);
  int (*nvmlDeviceGetName)(device, char* name, unsigned size);
  int (*nvmlDeviceGetUUID)(device, char* uuid, unsigned size);
  int (*nvmlDeviceGetMemoryInfo)(device, memory*);
  int (*nvmlDeviceGetCudaComputeCapability)(device, int* major, int* minor);
  // Drivers from before 2020 do not have these.
  int (*nvmlDeviceGetMigMode)(device, unsigned* current, unsigned* pending);
  int (*nvmlDeviceGetMaxMigDeviceCount)(device, unsigned* count);
  int (*nvmlDeviceGetMigDeviceHandleByIndex)(device, unsigned index, device* to);
};

}  // namespace nsai::devices::nvml_api
