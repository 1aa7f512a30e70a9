#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "messages/attempt.hpp"
#include "processes/process_pool.hpp"
#include "stages/stage.hpp"

namespace nsai::actors {

/// What the executor and the workers of one node share: where files lie and how things are run.
struct workplace {
  std::filesystem::path data_dir;
  std::filesystem::path stage_host;  // program of the one-shot stage host
  std::shared_ptr<stages::registry const> registry;
  std::shared_ptr<processes::process_pool> pool;
  std::map<std::string, std::vector<std::string>> launchers;  // name -> argv prefix
  std::map<std::string, stages::dataset_paths> datasets;
  std::vector<std::string> inherited_env{"PATH", "HOME",   "USER",
                                         "LANG", "TMPDIR", "LD_LIBRARY_PATH"};
  std::int64_t log_limit_bytes = 16 * 1024 * 1024;

  std::filesystem::path log_of(attempt_ref ref) const;
  /// options.json, context.json, result.json and scratch/ of one attempt; removed after it.
  std::filesystem::path run_dir_of(attempt_ref ref) const;
  std::filesystem::path progress_file_of(attempt_ref ref) const {
    return run_dir_of(ref) / "progress";
  }
  std::filesystem::path checkpoints_of(job_id job) const;
  std::filesystem::path artifacts_of(job_id job) const;
};

}  // namespace nsai::actors
