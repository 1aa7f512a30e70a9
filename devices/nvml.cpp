#include "devices/nvml.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <map>
#include <utility>

#include <dlfcn.h>
#include <signal.h>

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

/// No process of its own needs less on a GPU; an idle one can show some MiB as used.
constexpr std::int64_t idle_mb = 100;

/// The device is gone or does not work. Others (no permission, a time-out) say nothing about it.
bool is_of_device(int fault) {
  constexpr std::array all{api::uninitialised, api::not_found,   api::driver_not_loaded,
                           api::irq_issue,     api::gpu_is_lost, api::reset_required,
                           api::gpu_not_found, api::unknown};
  return std::find(all.begin(), all.end(), fault) != all.end();
}

bool exists(unsigned pid) {
  return ::kill(static_cast<pid_t>(pid), 0) == 0 || errno == EPERM;
}

using list_processes = int (*)(api::device, unsigned*, api::process*);

/// Adds what the function lists; false: it does not say.
bool add_processes(list_processes list, api::device of, std::vector<api::process>& to) {
  std::vector<api::process> found(32);
  for (int tries = 0; list != nullptr && tries < 4; ++tries) {
    auto count = static_cast<unsigned>(found.size());
    int const result = list(of, &count, found.data());
    if (result == api::success) {
      to.insert(to.end(), found.begin(),
                found.begin() + std::min<std::size_t>(count, found.size()));
      return true;
    }
    if (result != api::insufficient_size)
      return false;
    found.resize(std::max<std::size_t>(count, found.size()) * 2);
  }
  return false;
}

}  // namespace

struct nvml::loaded {
  void* library = nullptr;
  api::functions call{};
  bool initialised = false;
  api::event_set events = nullptr;
  bool asked_for_events = false;
  std::vector<std::pair<api::device, std::string>> uuids;  // a lost GPU does not tell its own

  ~loaded() {
    if (events != nullptr)
      call.nvmlEventSetFree(events);
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
#define NSAI_OPTIONAL(name) load(library, #name, call.name)
    NSAI_OPTIONAL(nvmlDeviceGetMigMode);
    NSAI_OPTIONAL(nvmlDeviceGetMaxMigDeviceCount);
    NSAI_OPTIONAL(nvmlDeviceGetMigDeviceHandleByIndex);
    NSAI_OPTIONAL(nvmlDeviceGetDeviceHandleFromMigDeviceHandle);
    NSAI_OPTIONAL(nvmlDeviceGetHandleByUUID);
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

  /// What a GPU is and has links to, by addresses on the bus.
  std::vector<std::string> linked_with(std::string const& uuid) const {
    std::vector<std::string> list;
    api::device gpu = nullptr;
    api::pci_info at{};
    if (call.nvmlDeviceGetNvLinkState == nullptr || call.nvmlDeviceGetPciInfo_v3 == nullptr ||
        call.nvmlDeviceGetNvLinkRemotePciInfo_v2 == nullptr ||
        call.nvmlDeviceGetHandleByUUID == nullptr ||
        call.nvmlDeviceGetHandleByUUID(uuid.c_str(), &gpu) != api::success ||
        call.nvmlDeviceGetPciInfo_v3(gpu, &at) != api::success)
      return list;
    list.emplace_back(at.bus_id);
    for (unsigned link = 0; link < api::most_links; ++link) {
      unsigned is_active = 0;
      if (call.nvmlDeviceGetNvLinkState(gpu, link, &is_active) == api::success && is_active != 0 &&
          call.nvmlDeviceGetNvLinkRemotePciInfo_v2(gpu, link, &at) == api::success)
        list.emplace_back(at.bus_id);
    }
    return list;
  }

  /// Two GPUs with a link to the same thing, or to each other, are of one group.
  void find_link_groups(std::vector<device>& devices) const {
    std::map<std::string, std::size_t> first_at;  // whoever named the address first
    std::vector<std::size_t> leader(devices.size());
    for (std::size_t i = 0; i < devices.size(); ++i) {
      leader[i] = i;
      for (auto const& address : linked_with(devices[i].uuid)) {
        auto const other = leader[first_at.emplace(address, i).first->second];
        auto const mine = leader[i];
        std::replace(leader.begin(), leader.begin() + static_cast<std::ptrdiff_t>(i) + 1,
                     std::max(other, mine), std::min(other, mine));
      }
    }
    unsigned groups = 0;
    for (std::size_t i = 0; i < devices.size(); ++i) {
      if (leader[i] != i || std::count(leader.begin(), leader.end(), i) < 2)
        continue;
      ++groups;
      for (std::size_t j = i; j < devices.size(); ++j)
        if (leader[j] == i)
          devices[j].link_group = groups;
    }
  }

  std::string uuid_of(api::device handle) const {
    std::array<char, api::uuid_size> uuid{};
    if (call.nvmlDeviceGetUUID(handle, uuid.data(), uuid.size() - 1) != api::success)
      return {};
    return uuid.data();
  }

  /// The whole GPU that `handle` is an instance of, or itself.
  api::device whole_of(api::device handle) const {
    api::device whole = nullptr;
    bool const is_instance =
        call.nvmlDeviceGetDeviceHandleFromMigDeviceHandle != nullptr &&
        call.nvmlDeviceGetDeviceHandleFromMigDeviceHandle(handle, &whole) == api::success;
    return is_instance && whole != nullptr ? whole : handle;
  }

  int read_memory(api::device handle, reading& to) const {
    api::memory_v2 now;
    if (call.nvmlDeviceGetMemoryInfo_v2 == nullptr ||
        call.nvmlDeviceGetMemoryInfo_v2(handle, &now) != api::success) {
      api::memory older{};
      if (int const fault = call.nvmlDeviceGetMemoryInfo(handle, &older))
        return fault;
      now.total = older.total;
      now.free = older.free;
      now.used = older.used;
    }
    to.memory_mb = in_mb(now.total);
    to.memory_free_mb = in_mb(now.free);
    to.memory_used_mb = in_mb(now.used);
    return api::success;
  }

  void read_health(api::device whole, reading& to) const {
    unsigned long long errors = 0;
    if (call.nvmlDeviceGetTotalEccErrors != nullptr &&
        call.nvmlDeviceGetTotalEccErrors(whole, api::uncorrected_errors, api::since_driver_load,
                                         &errors) == api::success)
      to.uncorrectable_errors = static_cast<std::int64_t>(errors);
    unsigned corrected = 0;
    unsigned uncorrected = 0;
    unsigned pending = 0;
    unsigned failed = 0;
    to.remap_failed = call.nvmlDeviceGetRemappedRows != nullptr &&
                      call.nvmlDeviceGetRemappedRows(whole, &corrected, &uncorrected, &pending,
                                                     &failed) == api::success &&
                      failed != 0;
    unsigned value = 0;
    if (call.nvmlDeviceGetTemperature != nullptr &&
        call.nvmlDeviceGetTemperature(whole, api::temperature_of_gpu, &value) == api::success)
      to.temperature_c = value;
    if (call.nvmlDeviceGetPowerUsage != nullptr &&
        call.nvmlDeviceGetPowerUsage(whole, &value) == api::success)
      to.power_mw = value;
  }

  void read_processes(api::device handle, reading& to) const {
    std::vector<api::process> found;
    // Version 2 first: version 3 has a longer record in some drivers of the 535 series.
    if (!add_processes(call.nvmlDeviceGetComputeRunningProcesses_v2, handle, found) &&
        !add_processes(call.nvmlDeviceGetComputeRunningProcesses_v3, handle, found))
      return;
    if (!add_processes(call.nvmlDeviceGetGraphicsRunningProcesses_v2, handle, found))
      add_processes(call.nvmlDeviceGetGraphicsRunningProcesses_v3, handle, found);
    if (found.empty() && to.memory_used_mb > idle_mb)
      return;
    std::sort(found.begin(), found.end(),
              [](auto const& a, auto const& b) { return a.pid < b.pid; });
    std::vector<gpu_process> list;
    std::size_t gone = 0;  // has just ended, or is of another namespace
    for (auto const& p : found) {
      if (!exists(p.pid)) {
        ++gone;
        continue;
      }
      if (list.empty() || list.back().pid != p.pid)
        list.push_back({p.pid, std::nullopt});
      if (p.used_memory != api::not_available)  // who computes and draws is listed twice
        list.back().used_mb = std::max(list.back().used_mb.value_or(0), in_mb(p.used_memory));
    }
    if (list.empty() && gone > 0)
      return;
    to.processes = std::move(list);
  }

  reading read(std::string const& uuid) const {
    reading now;
    now.uuid = now.gpu = uuid;
    api::device handle = nullptr;
    int fault = call.nvmlDeviceGetHandleByUUID == nullptr
                    ? static_cast<int>(api::not_supported)
                    : call.nvmlDeviceGetHandleByUUID(uuid.c_str(), &handle);
    if (fault == api::success)
      fault = read_memory(handle, now);
    if (fault != api::success) {
      if (is_of_device(fault))
        now.unreachable = words(fault);
      return now;
    }
    auto const whole = whole_of(handle);
    if (whole != handle)
      now.gpu = uuid_of(whole);
    read_health(whole, now);
    api::utilisation busy{};
    if (call.nvmlDeviceGetUtilizationRates != nullptr &&
        call.nvmlDeviceGetUtilizationRates(handle, &busy) == api::success)
      now.utilisation_percent = busy.gpu;
    read_processes(handle, now);
    return now;
  }

  void ask_for_events() {
    if (std::exchange(asked_for_events, true) || call.nvmlEventSetCreate == nullptr ||
        call.nvmlEventSetFree == nullptr || call.nvmlDeviceRegisterEvents == nullptr ||
        call.nvmlEventSetWait_v2 == nullptr || call.nvmlEventSetCreate(&events) != api::success)
      return;
    unsigned count = 0;
    call.nvmlDeviceGetCount_v2(&count);
    for (unsigned i = 0; i < count; ++i) {
      api::device gpu = nullptr;
      if (call.nvmlDeviceGetHandleByIndex_v2(i, &gpu) != api::success)
        continue;
      uuids.emplace_back(gpu, uuid_of(gpu));
      call.nvmlDeviceRegisterEvents(gpu, api::xid_event, events);  // not every GPU can
    }
  }

  std::string known_uuid_of(api::device gpu) const {
    auto const found = std::find_if(uuids.begin(), uuids.end(),
                                    [&](auto const& each) { return each.first == gpu; });
    return found == uuids.end() ? uuid_of(gpu) : found->second;
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
  library_->find_link_groups(found.devices);
  return found;
}

reading nvml::read(std::string const& uuid) const {
  return library_->read(uuid);
}

std::vector<xid_report> nvml::take_xids() {
  constexpr std::size_t most_at_once = 256;
  library_->ask_for_events();
  std::vector<xid_report> list;
  api::event_data one{};
  while (library_->events != nullptr && list.size() < most_at_once &&
         library_->call.nvmlEventSetWait_v2(library_->events, &one, 0) == api::success)
    if (one.type == api::xid_event)
      list.push_back({library_->known_uuid_of(one.of), static_cast<unsigned>(one.data)});
  return list;
}

}  // namespace nsai::devices
