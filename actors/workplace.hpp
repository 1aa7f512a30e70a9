#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "actors/gpu_memory.hpp"
#include "actors/run_directories.hpp"
#include "messages/attempt.hpp"
#include "processes/process_pool.hpp"
#include "stages/stage.hpp"

namespace nsai::actors {

class host_pool;

/// What the executor and the workers of one node share: where files lie and how things are run.
struct workplace {
  std::filesystem::path data_dir;
  std::filesystem::path artifacts;   // what jobs leave; by default in data_dir
  std::filesystem::path stage_host;  // its program
  std::shared_ptr<stages::registry const> registry;
  std::shared_ptr<processes::process_pool> pool;
  std::shared_ptr<host_pool> hosts;
  std::map<std::string, std::string> plugins;                 // stage -> library that has it
  std::map<std::string, std::vector<std::string>> launchers;  // name -> argv prefix
  std::map<std::string, stages::dataset_paths> datasets;
  std::vector<std::string> inherited_env{"PATH", "HOME",   "USER",
                                         "LANG", "TMPDIR", "LD_LIBRARY_PATH"};
  std::int64_t log_limit_bytes = 16 * 1024 * 1024;
  std::shared_ptr<folder_uses> uses = std::make_shared<folder_uses>();
  std::shared_ptr<program_leaders> leaders = std::make_shared<program_leaders>();

  std::filesystem::path log_of(attempt_ref ref) const;
  /// Of the attempts that run now; what is in it at a start was left by a crash.
  std::filesystem::path run_dir() const { return data_dir / "run"; }
  /// options.json, context.json, result.json and scratch/ of one attempt; removed after it.
  std::filesystem::path run_dir_of(attempt_ref ref) const;
  std::filesystem::path progress_file_of(attempt_ref ref) const {
    return run_dir_of(ref) / "progress";
  }
  std::filesystem::path checkpoints_of(job_id job) const;
  /// RUN/STAGE below the artifacts for a stage of an experiment, else JOB.
  std::filesystem::path artifacts_of(start_attempt const& attempt) const;
  /// What programs and stage hosts get of the node's environment, and the order of CUDA's devices.
  std::map<std::string, std::string> base_environment() const;
};

/// CUDA_VISIBLE_DEVICES of attempts on these devices: the real ones.
std::string visible_devices(std::vector<device_grant> const& devices);

}  // namespace nsai::actors
