#include "devices/nvml.hpp"

#include <array>

#include <dlfcn.h>

#include "devices/nvml_api.hpp"

namespace nsai::devices {
namespace {

namespace api = nvml_api;

template <class F>
bool load(void* library, char const* name, F*& to) {
  to = reinterpret_cast<F*>(::dlsym(library, name));
  return to != nullptr;
}

std::int64_t in_mb(unsigned long long bytes) {
  return static_cast<std::int64_t>(bytes / (1024 * 1024));
}

}  // namespace

struct nvml::loaded {
  void* library = nullptr;
  api::functions call{};
  bool initialised = false;

  ~loaded() {
    if (initialised)
      call.nvmlShutdown();
    if (library != nullptr)
      ::dlclose(library);
  }

  /// The name of a function that is missing; nullptr: none that is needed.
  char const* find_functions() {
#define NSAI_NEEDED(name)               \
  if (!load(library, #name, call.name)) \
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
    load(library, "nvmlDeviceGetMigMode", call.nvmlDeviceGetMigMode);
    load(library, "nvmlDeviceGetMaxMigDeviceCount", call.nvmlDeviceGetMaxMigDeviceCount);
    load(library, "nvmlDeviceGetMigDeviceHandleByIndex", call.nvmlDeviceGetMigDeviceHandleByIndex);
    return nullptr;
  }

  std::string words(int result) const {
    auto const* const text = call.nvmlErrorString(result);
    return text != nullptr ? text : "error " + std::to_string(result);
  }

  bool is_divided(api::device gpu) const {
    unsigned now = 0;
    unsigned after_reset = 0;
    return call.nvmlDeviceGetMigMode != nullptr && call.nvmlDeviceGetMaxMigDeviceCount != nullptr &&
           call.nvmlDeviceGetMigDeviceHandleByIndex != nullptr &&
           call.nvmlDeviceGetMigMode(gpu, &now, &after_reset) == api::success && now == 1;
  }

  /// What `gpu` is called, for sentences about it.
  std::string label(unsigned index, api::device gpu) const {
    std::array<char, api::uuid_size> uuid{};
    bool const known =
        gpu != nullptr && call.nvmlDeviceGetUUID(gpu, uuid.data(), uuid.size() - 1) == api::success;
    return "GPU " + std::to_string(index) + (known ? " (" + std::string{uuid.data()} + ")" : "");
  }

  /// An error code, or 0.
  int read(api::device handle, device& to) const {
    std::array<char, api::uuid_size> uuid{};
    std::array<char, api::name_size> name{};
    api::memory memory{};
    if (int const fault = call.nvmlDeviceGetUUID(handle, uuid.data(), uuid.size() - 1))
      return fault;
    if (int const fault = call.nvmlDeviceGetName(handle, name.data(), name.size() - 1))
      return fault;
    if (int const fault = call.nvmlDeviceGetMemoryInfo(handle, &memory))
      return fault;
    to.uuid = uuid.data();
    to.model = name.data();
    to.memory_mb = in_mb(memory.total);
    return api::success;
  }

  void read_instances(unsigned index, api::device gpu, device const& whole, inventory& to) const {
    unsigned most = 0;
    call.nvmlDeviceGetMaxMigDeviceCount(gpu, &most);
    std::size_t const before = to.devices.size();
    for (unsigned i = 0; i < most; ++i) {
      api::device handle = nullptr;
      if (call.nvmlDeviceGetMigDeviceHandleByIndex(gpu, i, &handle) != api::success)
        continue;  // numbers without an instance are usual
      device one;
      if (int const fault = read(handle, one)) {
        to.faults.push_back("instance " + std::to_string(i) + " of " + label(index, gpu) + ": " +
                            words(fault));
        continue;
      }
      one.capability_major = whole.capability_major;
      one.capability_minor = whole.capability_minor;
      to.devices.push_back(std::move(one));
    }
    if (to.devices.size() == before)
      to.faults.push_back(label(index, gpu) +
                          " is in MIG mode and has no instance that jobs could use");
  }

  void read(unsigned index, inventory& to) const {
    api::device gpu = nullptr;
    device whole;
    int fault = call.nvmlDeviceGetHandleByIndex_v2(index, &gpu);
    if (fault == api::success)
      fault = read(gpu, whole);
    if (fault != api::success) {
      to.faults.push_back(label(index, gpu) + ": " + words(fault));
      return;
    }
    if (call.nvmlDeviceGetCudaComputeCapability(gpu, &whole.capability_major,
                                                &whole.capability_minor) != api::success)
      whole.capability_major = whole.capability_minor = 0;
    if (is_divided(gpu))
      read_instances(index, gpu, whole, to);
    else
      to.devices.push_back(std::move(whole));
  }
};

std::variant<std::unique_ptr<nvml>, std::string> nvml::open(std::string const& library) {
  auto found = std::make_unique<loaded>();
  found->library = ::dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (found->library == nullptr) {
    auto const* const why = ::dlerror();
    return "there is no NVIDIA driver: " + std::string{why != nullptr ? why : library};
  }
  if (auto const* const missing = found->find_functions())
    return library + " has no " + missing + "; expected a driver of version 450 or later";
  if (int const fault = found->call.nvmlInit_v2())
    return "the NVIDIA driver does not answer: " + found->words(fault);
  found->initialised = true;
  return std::unique_ptr<nvml>{new nvml{std::move(found)}};
}

nvml::nvml(std::unique_ptr<loaded> library) : library_(std::move(library)) {}
nvml::~nvml() = default;

inventory nvml::look() const {
  inventory found;
  std::array<char, api::version_size> driver{};
  if (library_->call.nvmlSystemGetDriverVersion(driver.data(), driver.size() - 1) == api::success)
    found.driver = driver.data();
  unsigned count = 0;
  if (int const fault = library_->call.nvmlDeviceGetCount_v2(&count)) {
    found.faults.push_back("the GPUs cannot be counted: " + library_->words(fault));
    return found;
  }
  for (unsigned i = 0; i < count; ++i)
    library_->read(i, found);
  return found;
}

}  // namespace nsai::devices
