#include "devices/nvml_library.hpp"

#include <dlfcn.h>

namespace nsai::devices {
namespace {

template <class F>
bool load(void* library, char const* name, F*& to) {
  to = reinterpret_cast<F*>(::dlsym(library, name));
  return to != nullptr;
}

/// The name of a function that is missing; nullptr: none that is needed.
char const* find_functions(void* library, nvml_api::functions& to) {
#define NSAI_NEEDED(name)             \
  if (!load(library, #name, to.name)) \
  return #name
  NSAI_NEEDED(nvmlInit_v2);
  NSAI_NEEDED(nvmlShutdown);
  NSAI_NEEDED(nvmlErrorString);
  NSAI_NEEDED(nvmlSystemGetDriverVersion);
  NSAI_NEEDED(nvmlDeviceGetCount_v2);
  NSAI_NEEDED(nvmlDeviceGetHandleByIndex_v2);
  NSAI_NEEDED(nvmlDeviceGetName);
  NSAI_NEEDED(nvmlDeviceGetUUID);
  NSAI_NEEDED(nvmlDeviceGetMemoryInfo);
  NSAI_NEEDED(nvmlDeviceGetCudaComputeCapability);
#undef NSAI_NEEDED
#define NSAI_OPTIONAL(name) load(library, #name, to.name)
  NSAI_OPTIONAL(nvmlDeviceGetMigMode);
  NSAI_OPTIONAL(nvmlDeviceGetMaxMigDeviceCount);
  NSAI_OPTIONAL(nvmlDeviceGetMigDeviceHandleByIndex);
  NSAI_OPTIONAL(nvmlDeviceGetDeviceHandleFromMigDeviceHandle);
  NSAI_OPTIONAL(nvmlDeviceGetGpuInstanceId);
  NSAI_OPTIONAL(nvmlSystemGetCudaDriverVersion_v2);
  NSAI_OPTIONAL(nvmlDeviceGetMemoryInfo_v2);
  NSAI_OPTIONAL(nvmlDeviceGetTotalEccErrors);
  NSAI_OPTIONAL(nvmlDeviceGetRemappedRows);
  NSAI_OPTIONAL(nvmlDeviceGetTemperature);
  NSAI_OPTIONAL(nvmlDeviceGetPowerUsage);
  NSAI_OPTIONAL(nvmlDeviceGetUtilizationRates);
  NSAI_OPTIONAL(nvmlDeviceGetPciInfo_v3);
  NSAI_OPTIONAL(nvmlDeviceGetNvLinkState);
  NSAI_OPTIONAL(nvmlDeviceGetNvLinkRemotePciInfo_v2);
  NSAI_OPTIONAL(nvmlDeviceGetComputeRunningProcesses_v2);
  NSAI_OPTIONAL(nvmlDeviceGetComputeRunningProcesses_v3);
  NSAI_OPTIONAL(nvmlDeviceGetGraphicsRunningProcesses_v2);
  NSAI_OPTIONAL(nvmlDeviceGetGraphicsRunningProcesses_v3);
  NSAI_OPTIONAL(nvmlEventSetCreate);
  NSAI_OPTIONAL(nvmlEventSetFree);
  NSAI_OPTIONAL(nvmlDeviceRegisterEvents);
  NSAI_OPTIONAL(nvmlEventSetWait_v2);
#undef NSAI_OPTIONAL
  return nullptr;
}

/// Closed unless it is kept.
struct opened {
  void* library = nullptr;
  ~opened() {
    if (library != nullptr)
      ::dlclose(library);
  }
};

}  // namespace

std::variant<nvml_library, std::string> nvml_library::open(std::string const& name) {
  opened found{::dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL)};
  if (found.library == nullptr) {
    auto const* const why = ::dlerror();
    return "there is no NVIDIA driver: " + std::string{why != nullptr ? why : name};
  }
  nvml_api::functions call{};
  if (auto const* const missing = find_functions(found.library, call))
    return name + " has no " + missing + "; expected a driver of version 450 or later";
  if (int const fault = call.nvmlInit_v2()) {
    auto const* const text = call.nvmlErrorString(fault);
    return "the NVIDIA driver does not answer: " +
           (text != nullptr ? std::string{text} : "error " + std::to_string(fault));
  }
  return nvml_library{std::exchange(found.library, nullptr), call};
}

nvml_library::~nvml_library() {
  if (library_ == nullptr)
    return;
  call_.nvmlShutdown();
  ::dlclose(library_);
}

std::string nvml_library::words(int result) const {
  auto const* const text = call_.nvmlErrorString(result);
  return text != nullptr ? text : "error " + std::to_string(result);
}

}  // namespace nsai::devices
