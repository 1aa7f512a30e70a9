#include "devices/nvml.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <mutex>
#include <utility>

#include <sys/sysinfo.h>

#include "devices/nvml_library.hpp"
#include "devices/nvml_processes.hpp"

namespace nsai::devices {
namespace {

namespace api = nvml_api;

std::int64_t in_mb(unsigned long long bytes) {
  return static_cast<std::int64_t>(bytes / (1024 * 1024));
}

constexpr unsigned most_instance_ids = 1000;  // of a GPU; there are less than ten

/// The device is gone or does not work. Others (no permission, a time-out) say nothing about it.
bool is_of_device(int fault) {
  constexpr std::array all{api::uninitialised, api::not_found,      api::insufficient_power,
                           api::irq_issue,     api::gpu_is_lost,    api::driver_not_loaded,
                           api::gpu_not_found, api::reset_required, api::unknown};
  return std::find(all.begin(), all.end(), fault) != all.end();
}

/// What a question about anything can answer when the GPU is at fault; other answers are of the
/// question.
bool is_of_gpu(int fault) {
  return fault == api::gpu_is_lost || fault == api::reset_required;
}

/// The handle is of an instance that is there no more.
bool is_stale(int fault) {
  return fault == api::invalid_argument || fault == api::not_found || fault == api::gpu_not_found;
}

/// A GPU without memory of its own (GB10) has the machine's. What is in use of that is not the
/// GPU's.
api::memory of_the_machine() {
  struct sysinfo info {};
  ::sysinfo(&info);
  auto const unit = static_cast<unsigned long long>(info.mem_unit);
  return {info.totalram * unit, info.freeram * unit, 0};
}

}  // namespace

struct nvml::loaded {
  nvml_library library;
  api::functions const& call = library.call();

  /// A device that was found once: its own handle tells how it is, also when it is lost. (Asked for
  /// by uuid, all are lost when one is.)
  struct known_device {
    std::string uuid;
    std::string gpu;  // uuid of the whole GPU
    api::device handle = nullptr;
    api::device whole = nullptr;
  };
  mutable std::mutex mutex;
  mutable std::vector<known_device> known;

  /// One set a GPU: a lost one ends the waiting for all in its set.
  struct gpu_events {
    std::string gpu;
    api::event_set set = nullptr;
  };
  std::vector<gpu_events> events;
  bool asked_for_events = false;

  explicit loaded(nvml_library from) : library(std::move(from)) {}
  ~loaded() {
    for (auto const& each : events)
      call.nvmlEventSetFree(each.set);
  }

  std::string words(int result) const { return library.words(result); }

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
    int const fault = call.nvmlDeviceGetMemoryInfo(handle, &memory);
    if (fault == api::not_supported)
      memory = of_the_machine();
    else if (fault != api::success)
      return fault;
    to.uuid = uuid.data();
    to.model = name.data();
    to.memory_mb = in_mb(memory.total);
    return api::success;
  }

  std::vector<api::device> instances_of(api::device gpu) const {
    std::vector<api::device> list;
    unsigned most = 0;
    call.nvmlDeviceGetMaxMigDeviceCount(gpu, &most);
    for (unsigned i = 0; i < most; ++i) {
      api::device handle = nullptr;  // numbers without an instance are usual
      if (call.nvmlDeviceGetMigDeviceHandleByIndex(gpu, i, &handle) == api::success)
        list.push_back(handle);
    }
    return list;
  }

  /// Compute instances of one GPU instance have its memory together; without the number each has
  /// one of its own.
  unsigned memory_owner_of(api::device instance, unsigned otherwise) const {
    unsigned id = 0;
    bool const told = call.nvmlDeviceGetGpuInstanceId != nullptr &&
                      call.nvmlDeviceGetGpuInstanceId(instance, &id) == api::success;
    return told ? id : most_instance_ids + otherwise;
  }

  void read_instances(unsigned index, api::device gpu, device const& whole, inventory& to) const {
    std::size_t const before = to.devices.size();
    std::vector<unsigned> owners;
    unsigned number = 0;
    for (auto* const handle : instances_of(gpu)) {
      device one;
      ++number;
      if (int const fault = read(handle, one)) {
        to.faults.push_back("an instance of " + label(index, gpu) + ": " + words(fault));
        continue;
      }
      one.capability_major = whole.capability_major;
      one.capability_minor = whole.capability_minor;
      to.devices.push_back(std::move(one));
      owners.push_back(memory_owner_of(handle, number));
    }
    for (std::size_t i = 0; i < owners.size(); ++i)
      to.devices[before + i].memory_mb /= std::count(owners.begin(), owners.end(), owners[i]);
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
    auto* const gpu = find(uuid).handle;
    api::pci_info at{};
    if (call.nvmlDeviceGetNvLinkState == nullptr || call.nvmlDeviceGetPciInfo_v3 == nullptr ||
        call.nvmlDeviceGetNvLinkRemotePciInfo_v2 == nullptr || gpu == nullptr ||
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

  /// What is there now, added to what is known. Answers with the last reason why a GPU did not show
  /// itself, or 0.
  int note_devices() const {
    unsigned count = 0;
    int missing = call.nvmlDeviceGetCount_v2(&count);
    auto const note = [&](known_device d) {
      auto const same = std::find_if(known.begin(), known.end(),
                                     [&](known_device const& k) { return k.uuid == d.uuid; });
      if (same == known.end())
        known.push_back(std::move(d));
      else
        *same = std::move(d);
    };
    for (unsigned i = 0; i < count; ++i) {
      api::device gpu = nullptr;
      if (int const fault = call.nvmlDeviceGetHandleByIndex_v2(i, &gpu)) {
        missing = fault;
        continue;
      }
      auto const uuid = uuid_of(gpu);
      if (uuid.empty())
        continue;
      note({uuid, uuid, gpu, gpu});
      if (is_divided(gpu))
        for (auto* const instance : instances_of(gpu))
          if (auto own = uuid_of(instance); !own.empty())
            note({std::move(own), uuid, instance, gpu});
    }
    return missing;
  }

  /// Without a handle when there has been none of that uuid.
  known_device find(std::string const& uuid, int* missing = nullptr) const {
    std::lock_guard const lock{mutex};
    for (bool is_new : {false, true}) {
      if (is_new) {
        int const fault = note_devices();
        if (missing != nullptr)
          *missing = fault;
      }
      for (auto const& each : known)
        if (each.uuid == uuid)
          return each;
    }
    return {uuid, uuid, nullptr, nullptr};
  }

  void forget(std::string const& uuid) const {
    std::lock_guard const lock{mutex};
    std::erase_if(known, [&](known_device const& k) { return k.uuid == uuid; });
  }

  int read_memory(api::device handle, reading& to) const {
    api::memory_v2 now;
    if (call.nvmlDeviceGetMemoryInfo_v2 == nullptr ||
        call.nvmlDeviceGetMemoryInfo_v2(handle, &now) != api::success) {
      api::memory older{};
      int const fault = call.nvmlDeviceGetMemoryInfo(handle, &older);
      if (fault == api::not_supported)
        older = of_the_machine();
      else if (fault != api::success)
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

  /// 0, or why the whole GPU is of no use although it, or an instance of it, still tells its
  /// memory.
  int read_health(api::device whole, reading& to) const {
    int gone = 0;
    auto const succeeds = [&](int result) {
      gone = is_of_gpu(result) ? result : gone;
      return result == api::success;
    };
    unsigned long long errors = 0;
    if (call.nvmlDeviceGetTotalEccErrors != nullptr &&
        succeeds(call.nvmlDeviceGetTotalEccErrors(whole, api::uncorrected_errors,
                                                  api::since_driver_load, &errors)))
      to.uncorrectable_errors = static_cast<std::int64_t>(errors);
    unsigned corrected = 0;
    unsigned uncorrected = 0;
    unsigned pending = 0;
    unsigned failed = 0;
    to.remap_failed = call.nvmlDeviceGetRemappedRows != nullptr &&
                      succeeds(call.nvmlDeviceGetRemappedRows(whole, &corrected, &uncorrected,
                                                              &pending, &failed)) &&
                      failed != 0;
    unsigned value = 0;
    if (call.nvmlDeviceGetTemperature != nullptr &&
        succeeds(call.nvmlDeviceGetTemperature(whole, api::temperature_of_gpu, &value)))
      to.temperature_c = value;
    if (call.nvmlDeviceGetPowerUsage != nullptr &&
        succeeds(call.nvmlDeviceGetPowerUsage(whole, &value)))
      to.power_mw = value;
    return gone;
  }

  reading read(std::string const& uuid) const {
    reading now;
    now.uuid = uuid;
    int missing = api::success;
    auto at = find(uuid, &missing);
    int fault = at.handle == nullptr ? api::gpu_not_found : read_memory(at.handle, now);
    bool const is_another = at.handle != at.whole && fault == api::success &&
                            uuid_of(at.handle) != uuid;  // an instance that took its handle
    if (at.handle != nullptr && (is_stale(fault) || is_another)) {
      forget(uuid);
      at = find(uuid, &missing);
      fault = at.handle == nullptr ? api::gpu_not_found : read_memory(at.handle, now);
    }
    now.gpu = at.gpu;
    if (at.handle == nullptr && is_of_device(missing))
      fault = missing;  // of one that does not show itself, which is this one's likeliest
    if (fault == api::success)
      fault = read_health(at.whole, now);
    // A GPU that was divided since it was found is what its instances are now.
    if (fault == api::success && at.handle == at.whole && is_divided(at.whole))
      fault = api::gpu_not_found;
    if (fault != api::success) {
      reading none;
      none.uuid = now.uuid;
      none.gpu = now.gpu;
      if (is_of_device(fault))
        none.unreachable = words(fault);
      return none;
    }
    api::utilisation busy{};
    if (call.nvmlDeviceGetUtilizationRates != nullptr &&
        call.nvmlDeviceGetUtilizationRates(at.handle, &busy) == api::success)
      now.utilisation_percent = busy.gpu;
    now.processes = shown_processes(call, at.handle, now.memory_used_mb);
    return now;
  }

  void ask_for_events() {
    if (std::exchange(asked_for_events, true) || call.nvmlEventSetCreate == nullptr ||
        call.nvmlEventSetFree == nullptr || call.nvmlDeviceRegisterEvents == nullptr ||
        call.nvmlEventSetWait_v2 == nullptr)
      return;
    unsigned count = 0;
    call.nvmlDeviceGetCount_v2(&count);
    for (unsigned i = 0; i < count; ++i) {
      api::device gpu = nullptr;
      api::event_set set = nullptr;
      if (call.nvmlDeviceGetHandleByIndex_v2(i, &gpu) != api::success ||
          call.nvmlEventSetCreate(&set) != api::success)
        continue;
      events.push_back({uuid_of(gpu), set});
      call.nvmlDeviceRegisterEvents(gpu, api::xid_event, set);  // not every GPU can
    }
  }
};

std::variant<std::unique_ptr<nvml>, std::string> nvml::open(std::string const& library) {
  auto opened = nvml_library::open(library);
  if (auto* const why = std::get_if<std::string>(&opened))
    return std::move(*why);
  return std::unique_ptr<nvml>{
      new nvml{std::make_unique<loaded>(std::move(std::get<nvml_library>(opened)))}};
}

nvml::nvml(std::unique_ptr<loaded> library) : library_(std::move(library)) {}
nvml::~nvml() = default;

inventory nvml::look() const {
  inventory found;
  std::array<char, api::version_size> driver{};
  if (library_->call.nvmlSystemGetDriverVersion(driver.data(), driver.size() - 1) == api::success)
    found.driver = driver.data();
  int cuda = 0;
  if (library_->call.nvmlSystemGetCudaDriverVersion_v2 != nullptr &&
      library_->call.nvmlSystemGetCudaDriverVersion_v2(&cuda) == api::success)
    found.cuda_major = cuda / 1000;
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
  for (auto const& gpu : library_->events) {
    api::event_data one{};
    for (std::size_t i = 0; i < most_at_once; ++i) {
      if (library_->call.nvmlEventSetWait_v2(gpu.set, &one, 0) != api::success)
        break;
      if (one.type == api::xid_event)
        list.push_back({gpu.gpu, static_cast<unsigned>(one.data)});
    }
  }
  return list;
}

}  // namespace nsai::devices
