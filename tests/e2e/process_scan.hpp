#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include <sys/types.h>

/// Looks for the processes of one test among all of the machine: those whose environment or command
/// line names its directory.
namespace nsai::tests {

struct seen_process {
  pid_t pid = 0;
  std::string name;     // "nsai", "nsai-keeper", "nsai-warden", the program of a job, ...
  std::string job;      // NSAI_JOB_ID; empty: not of a job
  std::string attempt;  // NSAI_ATTEMPT
  std::string words;    // its command line, for people
};

std::vector<seen_process> processes_of(std::filesystem::path const& directory);
/// Those that belong to jobs.
std::vector<seen_process> job_processes_of(std::filesystem::path const& directory);
/// Those below `root` whose name is one of the given; `root` itself is none of them.
std::vector<pid_t> below(pid_t root, std::string const& name);
/// One line each, for messages.
std::string to_string(std::vector<seen_process> const& list);

/// Of one process, from /proc; 0 when it is gone.
std::int64_t resident_kb(pid_t pid);
std::int64_t open_files(pid_t pid);

}  // namespace nsai::tests
