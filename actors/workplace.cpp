#include "actors/workplace.hpp"

#include <cstdlib>

namespace nsai::actors {
namespace {

std::string name_of(attempt_ref ref) {
  return std::to_string(ref.job.value) + "-" + std::to_string(ref.attempt);
}

/// Spreads many jobs over folders, so that none grows beyond a thousand entries.
std::string folder_of(job_id job) {
  return std::to_string(job.value / 1000);
}

/// A stage may be called anything; a name that no file should have gets the job's number, too.
std::string file_name_of(std::string const& step, job_id job) {
  std::string name;
  for (auto const c : step.substr(0, 64)) {
    bool const plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                       c == '_' || c == '-' || (c == '.' && !name.empty());
    name += plain ? c : '_';
  }
  return name == step ? name : name + "-" + std::to_string(job.value);
}

}  // namespace

std::filesystem::path workplace::log_of(attempt_ref ref) const {
  return data_dir / "logs" / folder_of(ref.job) / (name_of(ref) + ".log");
}
std::filesystem::path workplace::run_dir_of(attempt_ref ref) const {
  return run_dir() / name_of(ref);
}
std::filesystem::path workplace::checkpoints_of(job_id job) const {
  return data_dir / "checkpoints" / folder_of(job) / std::to_string(job.value);
}
std::filesystem::path workplace::artifacts_of(start_attempt const& attempt) const {
  auto const root = artifacts.empty() ? data_dir / "artifacts" : artifacts;
  auto const job = attempt.run ? attempt.run : attempt.ref.job;
  auto const whole = root / folder_of(job) / std::to_string(job.value);
  return attempt.run ? whole / file_name_of(attempt.step, attempt.ref.job) : whole;
}

std::map<std::string, std::string> workplace::base_environment() const {
  std::map<std::string, std::string> env;
  for (auto const& name : inherited_env)
    if (char const* value = std::getenv(name.c_str()))
      env[name] = value;
  env["CUDA_DEVICE_ORDER"] = "PCI_BUS_ID";
  return env;
}

std::string visible_devices(std::vector<device_grant> const& devices) {
  std::string list;
  for (auto const& device : devices)
    if (!device.is_virtual)
      list += (list.empty() ? "" : ",") + device.uuid;
  return list;
}

}  // namespace nsai::actors
