#pragma once

/// What is used of NVIDIA's management library, by its documented C interface
/// (docs.nvidia.com/deploy/nvml-api). Declared here, since the library comes with the driver and is
/// loaded at run time: everything builds where neither driver nor toolkit is.
namespace nsai::devices::nvml_api {

using device = struct opaque_device*;
using event_set = struct opaque_event_set*;

enum result : int {
  success = 0,
  uninitialised = 1,
  invalid_argument = 2,
  not_supported = 3,
  not_found = 6,
  insufficient_size = 7,
  insufficient_power = 8,
  driver_not_loaded = 9,
  timeout = 10,
  irq_issue = 11,
  gpu_is_lost = 15,
  reset_required = 16,
  gpu_not_found = 28,
  unknown = 999,
};

struct memory {  // bytes
  unsigned long long total;
  unsigned long long free;
  unsigned long long used;
};

struct memory_v2 {  // bytes; `used` does not count what the driver keeps for itself
  unsigned version = static_cast<unsigned>(sizeof(memory_v2)) | (2U << 24);
  unsigned long long total = 0;
  unsigned long long reserved = 0;
  unsigned long long free = 0;
  unsigned long long used = 0;
};

struct process {
  unsigned pid;
  unsigned long long used_memory;  // bytes, or not_available
  unsigned gpu_instance;
  unsigned compute_instance;
};
inline constexpr unsigned long long not_available = ~0ULL;

struct utilisation {  // per cent of the last sampling period
  unsigned gpu;
  unsigned memory;
};

struct event_data {
  device of;
  unsigned long long type;
  unsigned long long data;  // of an XID event: the XID
  unsigned gpu_instance;
  unsigned compute_instance;
};
inline constexpr unsigned long long xid_event = 8;

struct pci_info {
  char old_bus_id[16];
  unsigned domain;
  unsigned bus;
  unsigned device;
  unsigned device_id;
  unsigned subsystem_id;
  char bus_id[32];
};
inline constexpr unsigned most_links = 18;

inline constexpr int temperature_of_gpu = 0;
inline constexpr int uncorrected_errors = 1;
inline constexpr int since_driver_load = 0;  // of ECC counts: "volatile"

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
  // Not every driver has these.
  int (*nvmlDeviceGetMigMode)(device, unsigned* current, unsigned* pending);
  int (*nvmlDeviceGetMaxMigDeviceCount)(device, unsigned* count);
  int (*nvmlDeviceGetMigDeviceHandleByIndex)(device, unsigned index, device* to);
  int (*nvmlDeviceGetDeviceHandleFromMigDeviceHandle)(device, device* whole);
  int (*nvmlDeviceGetGpuInstanceId)(device, unsigned* id);
  int (*nvmlSystemGetCudaDriverVersion_v2)(int* version);
  int (*nvmlDeviceGetMemoryInfo_v2)(device, memory_v2*);
  int (*nvmlDeviceGetTotalEccErrors)(device, int kind, int since, unsigned long long* count);
  int (*nvmlDeviceGetRemappedRows)(device, unsigned* corrected, unsigned* uncorrected,
                                   unsigned* is_pending, unsigned* has_failed);
  int (*nvmlDeviceGetTemperature)(device, int sensor, unsigned* celsius);
  int (*nvmlDeviceGetPowerUsage)(device, unsigned* milliwatts);
  int (*nvmlDeviceGetUtilizationRates)(device, utilisation*);
  int (*nvmlDeviceGetPciInfo_v3)(device, pci_info*);
  int (*nvmlDeviceGetNvLinkState)(device, unsigned link, unsigned* is_active);
  int (*nvmlDeviceGetNvLinkRemotePciInfo_v2)(device, unsigned link, pci_info*);
  // `count`: room for so many, then how many there are.
  int (*nvmlDeviceGetComputeRunningProcesses_v2)(device, unsigned* count, process*);
  int (*nvmlDeviceGetComputeRunningProcesses_v3)(device, unsigned* count, process*);
  int (*nvmlDeviceGetGraphicsRunningProcesses_v2)(device, unsigned* count, process*);
  int (*nvmlDeviceGetGraphicsRunningProcesses_v3)(device, unsigned* count, process*);
  int (*nvmlEventSetCreate)(event_set*);
  int (*nvmlEventSetFree)(event_set);
  int (*nvmlDeviceRegisterEvents)(device, unsigned long long types, event_set);
  int (*nvmlEventSetWait_v2)(event_set, event_data*, unsigned timeout_ms);
};

}  // namespace nsai::devices::nvml_api
