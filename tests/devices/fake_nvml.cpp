// NVIDIA's management library as tests need it: what it shows stands in the JSON file that
// NSAI_FAKE_NVML names, read anew at each call, so that a test changes the GPUs of a running node
// by renaming another file over it.
//   {"driver": "550.54", "cuda": 12040, "init": 0, "devices": [DEVICE, ...],
//    "xids": [{"device": 0, "xid": 79}]}
// DEVICE:
//   {"name", "uuid", "memory_mb", "capability": [9, 0], "fault": 15, "health_fault": 16,
//    "mig": [null, {"name", "uuid", "memory_mb", "gpu_instance"}], "memory_used_mb": 0,
//    "blocks": "PATH", "ecc_uncorrected": 0, "remap_failed": false, "temperature_c", "power_mw",
//    "utilisation", "processes": [{"pid", "memory_mb"}], "nvlink": [7, "switch", ...]}
// `memory_mb`: absent, it has none of its own. `fault`: what every question about the device
// answers, `health_fault` those about its health. `mig`: it is divided, null is a number without an
// instance. `blocks`: a FIFO; a question about its memory is answered when that is opened for
// writing. `processes`: "hidden" is a driver that refuses to tell; of one without `memory_mb` the
// memory is not told. `nvlink`: its links, to devices by position or to something by name. `xids`
// only grows: each is reported once.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <mutex>
#include <set>
#include <string>

#include <nlohmann/json.hpp>

#include "devices/nvml_api.hpp"

namespace api = nsai::devices::nvml_api;
using nlohmann::json;

namespace {

std::mutex mutex;
std::set<std::string> uuids;  // handles are addresses of these
int initialised = 0;

struct events {
  std::size_t told = 0;
  std::set<api::device> of;
};

json machine() {
  auto const* const file = std::getenv("NSAI_FAKE_NVML");
  if (file == nullptr)
    return {{"init", static_cast<int>(api::driver_not_loaded)}};
  std::ifstream in{file};
  return json::parse(in);
}

api::device handle(json const& shown) {
  std::lock_guard const lock{mutex};
  return reinterpret_cast<api::device>(
      const_cast<std::string*>(&*uuids.insert(shown.at("uuid").get<std::string>()).first));
}

/// What is shown of the device of that uuid, with the position and the uuid of the whole GPU.
json find(std::string const& uuid) {
  auto const now = machine();
  for (std::size_t i = 0; i < now.at("devices").size(); ++i) {
    auto gpu = now["devices"][i];
    gpu["index"] = i;
    gpu["whole"] = gpu.at("uuid");
    if (gpu.at("uuid") == uuid)
      return gpu;
    for (auto const& instance : gpu.value("mig", json::array()))
      if (!instance.is_null() && instance.at("uuid") == uuid) {
        auto found = instance;
        found["whole"] = gpu["uuid"];
        return found;
      }
  }
  return {{"fault", static_cast<int>(api::gpu_is_lost)}, {"uuid", uuid}};
}

json of(api::device d) {
  return find(*reinterpret_cast<std::string const*>(d));
}

int answer(json const& shown, char const* key, char* to, unsigned size) {
  if (int const fault = shown.value("fault", 0))
    return fault;
  std::strncpy(to, shown.at(key).get<std::string>().c_str(), size - 1);
  to[size - 1] = 0;
  return 0;
}

template <class T>
int answer(api::device d, char const* key, T* to) {
  auto const shown = of(d);
  if (int const fault = shown.value("fault", 0))
    return fault;
  if (!shown.contains(key))
    return api::not_supported;
  *to = shown[key].get<T>();
  return 0;
}

}  // namespace

extern "C" {

int nvmlInit_v2() {
  int const result = machine().value("init", 0);
  std::lock_guard const lock{mutex};
  initialised += result == 0 ? 1 : 0;
  return result;
}
int nvmlShutdown() {
  std::lock_guard const lock{mutex};
  return initialised-- > 0 ? 0 : api::uninitialised;
}
char const* nvmlErrorString(int result) {
  return result == api::driver_not_loaded ? "Driver Not Loaded"
         : result == api::gpu_is_lost     ? "GPU is lost"
                                          : "Unknown Error";
}
int nvmlSystemGetDriverVersion(char* version, unsigned size) {
  std::strncpy(version, machine().at("driver").get<std::string>().c_str(), size);
  return 0;
}
int nvmlDeviceGetCount_v2(unsigned* count) {
  *count = static_cast<unsigned>(machine().at("devices").size());
  return 0;
}
int nvmlDeviceGetHandleByIndex_v2(unsigned index, api::device* to) {
  auto const now = machine();
  auto const& shown = now.at("devices").at(index);
  if (shown.value("fault", 0) == api::gpu_is_lost)
    return api::gpu_is_lost;
  *to = handle(shown);
  return 0;
}
int nvmlSystemGetCudaDriverVersion_v2(int* version) {
  auto const now = machine();
  if (!now.contains("cuda"))
    return api::not_supported;
  *version = now["cuda"];
  return 0;
}
int nvmlDeviceGetGpuInstanceId(api::device d, unsigned* id) {
  return answer(d, "gpu_instance", id);
}
int nvmlDeviceGetName(api::device d, char* name, unsigned size) {
  return answer(of(d), "name", name, size);
}
int nvmlDeviceGetUUID(api::device d, char* uuid, unsigned size) {
  return answer(of(d), "uuid", uuid, size);
}
int nvmlDeviceGetMemoryInfo(api::device d, api::memory* to) {
  auto const shown = of(d);
  if (shown.contains("blocks"))
    std::ifstream{shown["blocks"].get<std::string>()};  // until somebody opens it to write
  if (int const fault = shown.value("fault", 0))
    return fault;
  if (!shown.contains("memory_mb"))
    return api::not_supported;
  constexpr unsigned long long mib = 1024 * 1024;
  to->total = shown.at("memory_mb").get<unsigned long long>() * mib;
  to->used = shown.value("memory_used_mb", 0ULL) * mib;
  to->free = to->total - to->used;
  return 0;
}
int nvmlDeviceGetMemoryInfo_v2(api::device d, api::memory_v2* to) {
  if (to->version != api::memory_v2{}.version)
    return 25;  // a version that is not known
  api::memory now{};
  int const fault = nvmlDeviceGetMemoryInfo(d, &now);
  to->total = now.total;
  to->free = now.free;
  to->used = now.used;
  return fault;
}
int nvmlDeviceGetCudaComputeCapability(api::device d, int* major, int* minor) {
  auto const shown = of(d);
  if (!shown.contains("capability"))
    return api::not_supported;
  *major = shown["capability"][0];
  *minor = shown["capability"][1];
  return 0;
}
int nvmlDeviceGetMigMode(api::device d, unsigned* current, unsigned* pending) {
  *current = *pending = of(d).contains("mig") ? 1 : 0;
  return 0;
}
int nvmlDeviceGetMaxMigDeviceCount(api::device d, unsigned* count) {
  *count = static_cast<unsigned>(of(d).at("mig").size());
  return 0;
}
int nvmlDeviceGetMigDeviceHandleByIndex(api::device d, unsigned index, api::device* to) {
  auto const shown = of(d);
  auto const& one = shown.at("mig").at(index);
  if (one.is_null())
    return api::not_found;
  *to = handle(one);
  return 0;
}
int nvmlDeviceGetDeviceHandleFromMigDeviceHandle(api::device d, api::device* whole) {
  auto const shown = of(d);
  if (shown.at("whole") == shown.at("uuid"))
    return api::not_found;
  *whole = handle({{"uuid", shown["whole"]}});
  return 0;
}
int nvmlDeviceGetTotalEccErrors(api::device d, int kind, int since, unsigned long long* count) {
  if (int const fault = of(d).value("health_fault", 0))
    return fault;
  return kind != api::uncorrected_errors || since != api::since_driver_load
             ? static_cast<int>(api::not_supported)
             : answer(d, "ecc_uncorrected", count);
}
int nvmlDeviceGetRemappedRows(api::device d, unsigned* corrected, unsigned* uncorrected,
                              unsigned* is_pending, unsigned* has_failed) {
  *corrected = *uncorrected = *is_pending = 0;
  bool failed = false;
  int const result = answer(d, "remap_failed", &failed);
  *has_failed = failed ? 1 : 0;
  return result;
}
int nvmlDeviceGetTemperature(api::device d, int, unsigned* celsius) {
  return answer(d, "temperature_c", celsius);
}
int nvmlDeviceGetPowerUsage(api::device d, unsigned* milliwatts) {
  return answer(d, "power_mw", milliwatts);
}
int nvmlDeviceGetUtilizationRates(api::device d, api::utilisation* to) {
  to->memory = 0;
  return answer(d, "utilisation", &to->gpu);
}
int nvmlDeviceGetComputeRunningProcesses_v3(api::device d, unsigned* count, api::process* to) {
  auto const shown = of(d);
  if (int const fault = shown.value("fault", 0))
    return fault;
  auto const list = shown.value("processes", json::array());
  if (!list.is_array())
    return api::not_supported;
  unsigned const room = *count;
  *count = static_cast<unsigned>(list.size());
  if (room < *count)
    return api::insufficient_size;
  for (auto const& p : list)
    *to++ = {p.at("pid").get<unsigned>(),
             p.contains("memory_mb") ? p["memory_mb"].get<unsigned long long>() * 1024 * 1024
                                     : api::not_available,
             ~0U, ~0U};
  return 0;
}
int nvmlDeviceGetPciInfo_v3(api::device d, api::pci_info* to) {
  auto const shown = of(d);
  if (!shown.contains("index"))
    return api::not_supported;
  std::snprintf(to->bus_id, sizeof to->bus_id, "GPU %u", shown["index"].get<unsigned>());
  return 0;
}
int nvmlDeviceGetNvLinkState(api::device d, unsigned link, unsigned* is_active) {
  auto const links = of(d).value("nvlink", json::array());
  *is_active = link < links.size() ? 1 : 0;
  return links.empty() ? api::not_supported : api::success;
}
int nvmlDeviceGetNvLinkRemotePciInfo_v2(api::device d, unsigned link, api::pci_info* to) {
  auto const there = of(d).at("nvlink").at(link);
  auto const name =
      there.is_string() ? there.get<std::string>() : "GPU " + std::to_string(there.get<unsigned>());
  std::snprintf(to->bus_id, sizeof to->bus_id, "%s", name.c_str());
  return 0;
}
int nvmlEventSetCreate(api::event_set* to) {
  *to = reinterpret_cast<api::event_set>(
      new events{machine().value("xids", json::array()).size(), {}});
  return 0;
}
int nvmlEventSetFree(api::event_set set) {
  delete reinterpret_cast<events*>(set);
  return 0;
}
int nvmlDeviceRegisterEvents(api::device d, unsigned long long types, api::event_set set) {
  if (types != api::xid_event)
    return api::not_supported;
  reinterpret_cast<events*>(set)->of.insert(d);
  return 0;
}
int nvmlEventSetWait_v2(api::event_set set, api::event_data* to, unsigned) {
  auto& mine = *reinterpret_cast<events*>(set);
  auto const now = machine();
  auto const list = now.value("xids", json::array());
  while (mine.told < list.size()) {
    auto const& next = list[mine.told++];
    auto const gpu = handle(now.at("devices").at(next.at("device").get<std::size_t>()));
    if (!mine.of.contains(gpu))
      continue;
    *to = {gpu, api::xid_event, next.at("xid").get<unsigned long long>(), ~0U, ~0U};
    return 0;
  }
  return api::timeout;
}
}
