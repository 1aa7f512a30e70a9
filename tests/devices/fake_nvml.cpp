// NVIDIA's management library as tests need it: what it shows stands in the JSON file that
// NSAI_FAKE_NVML names, read when the library is initialised.
//   {"driver": "550.54", "init": 0, "devices": [{"name", "uuid", "memory_mb", "capability": [9, 0],
//    "fault": 15, "mig": [null, {"name", "uuid", "memory_mb"}]}]}
// `fault`: what every question about the device answers. `mig`: it is divided, null is a number
// without an instance.
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>
#include <string>

#include <nlohmann/json.hpp>

#include "devices/nvml_api.hpp"

namespace api = nsai::devices::nvml_api;
using nlohmann::json;

namespace {

json machine;
std::map<std::string, json> handles;  // what devices show, by position

bool read_machine() {
  auto const* const file = std::getenv("NSAI_FAKE_NVML");
  if (file == nullptr)
    return false;
  std::ifstream in{file};
  machine = json::parse(in);
  return true;
}

api::device handle(std::string const& position, json const& shown) {
  return reinterpret_cast<api::device>(&(handles[position] = shown));
}

json const& of(api::device d) {
  return *reinterpret_cast<json*>(d);
}

int answer(api::device d, char const* key, char* to, unsigned size) {
  if (int const fault = of(d).value("fault", 0))
    return fault;
  std::strncpy(to, of(d).at(key).get<std::string>().c_str(), size - 1);
  to[size - 1] = 0;
  return 0;
}

}  // namespace

extern "C" {

int nvmlInit_v2() {
  return read_machine() ? machine.value("init", 0) : static_cast<int>(api::driver_not_loaded);
}
int nvmlShutdown() {
  handles.clear();
  return 0;
}
char const* nvmlErrorString(int result) {
  return result == api::driver_not_loaded ? "Driver Not Loaded"
         : result == api::gpu_is_lost     ? "GPU is lost"
                                          : "Unknown Error";
}
int nvmlSystemGetDriverVersion(char* version, unsigned size) {
  std::strncpy(version, machine.at("driver").get<std::string>().c_str(), size);
  return 0;
}
int nvmlDeviceGetCount_v2(unsigned* count) {
  *count = static_cast<unsigned>(machine.at("devices").size());
  return 0;
}
int nvmlDeviceGetHandleByIndex_v2(unsigned index, api::device* to) {
  auto const& shown = machine.at("devices").at(index);
  if (shown.value("fault", 0) == api::gpu_is_lost)
    return api::gpu_is_lost;
  *to = handle(std::to_string(index), shown);
  return 0;
}
int nvmlDeviceGetName(api::device d, char* name, unsigned size) {
  return answer(d, "name", name, size);
}
int nvmlDeviceGetUUID(api::device d, char* uuid, unsigned size) {
  return answer(d, "uuid", uuid, size);
}
int nvmlDeviceGetMemoryInfo(api::device d, api::memory* to) {
  *to = {};
  to->total = to->free = of(d).at("memory_mb").get<unsigned long long>() * 1024 * 1024;
  return of(d).value("fault", 0);
}
int nvmlDeviceGetCudaComputeCapability(api::device d, int* major, int* minor) {
  if (!of(d).contains("capability"))
    return api::not_supported;
  *major = of(d)["capability"][0];
  *minor = of(d)["capability"][1];
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
  auto const& one = of(d).at("mig").at(index);
  if (one.is_null())
    return api::not_found;
  *to = handle(of(d).at("uuid").get<std::string>() + std::to_string(index), one);
  return 0;
}
}
