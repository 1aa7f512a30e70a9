#include "tests/e2e/process_scan.hpp"

#include <algorithm>
#include <fstream>
#include <map>
#include <sstream>

#include <unistd.h>

namespace nsai::tests {
namespace {

namespace fs = std::filesystem;

std::string text_of(fs::path const& file) {
  std::ifstream in{file, std::ios::binary};
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

std::vector<pid_t> all_processes() {
  std::vector<pid_t> list;
  std::error_code none;
  for (auto const& entry : fs::directory_iterator("/proc", none)) {
    auto const name = entry.path().filename().string();
    if (name.find_first_not_of("0123456789") == std::string::npos)
      list.push_back(std::stoi(name));
  }
  return list;
}

std::string variable(std::string const& environment, std::string const& name) {
  auto const wanted = std::string(1, '\0') + name + "=";
  auto const all = std::string(1, '\0') + environment;
  auto const at = all.find(wanted);
  if (at == std::string::npos)
    return {};
  auto const from = at + wanted.size();
  return all.substr(from, all.find('\0', from) - from);
}

struct status {
  std::string name;
  pid_t parent = 0;
  bool dead = true;  // also a zombie: it holds nothing any more
};

status status_of(pid_t pid) {
  status found;
  std::istringstream lines{text_of("/proc/" + std::to_string(pid) + "/status")};
  for (std::string line; std::getline(lines, line);) {
    auto const value = line.substr(std::min(line.size(), line.find('\t') + 1));
    if (line.rfind("Name:", 0) == 0)
      found.name = value;
    else if (line.rfind("State:", 0) == 0)
      found.dead = value.front() == 'Z' || value.front() == 'X';
    else if (line.rfind("PPid:", 0) == 0)
      found.parent = std::stoi(value);
  }
  return found;
}

}  // namespace

std::vector<seen_process> processes_of(fs::path const& directory) {
  std::vector<seen_process> list;
  for (auto const pid : all_processes()) {
    if (pid == ::getpid())
      continue;
    auto const base = fs::path{"/proc"} / std::to_string(pid);
    auto const environment = text_of(base / "environ");
    auto words = text_of(base / "cmdline");
    if (environment.find(directory.string()) == std::string::npos &&
        words.find(directory.string()) == std::string::npos)
      continue;
    auto const about = status_of(pid);
    if (about.dead)
      continue;
    std::replace(words.begin(), words.end(), '\0', ' ');
    list.push_back({pid, about.name, variable(environment, "NSAI_JOB_ID"),
                    variable(environment, "NSAI_ATTEMPT"), words.substr(0, 200)});
  }
  return list;
}

std::vector<seen_process> job_processes_of(fs::path const& directory) {
  auto list = processes_of(directory);
  std::erase_if(list, [](seen_process const& p) { return p.job.empty(); });
  return list;
}

std::vector<pid_t> below(pid_t root, std::string const& name) {
  std::map<pid_t, status> all;
  for (auto const pid : all_processes())
    all[pid] = status_of(pid);
  std::vector<pid_t> list;
  for (auto const& [pid, about] : all) {
    if (about.dead || about.name != name)
      continue;
    // A new process has its parent's name until it becomes another program: a job's, say.
    if (auto const parent = all.find(about.parent);
        parent != all.end() && parent->second.name == name)
      continue;
    auto up = about.parent;
    while (up > 1 && up != root && all.contains(up))
      up = all.at(up).parent;
    if (up == root)
      list.push_back(pid);
  }
  return list;
}

std::string to_string(std::vector<seen_process> const& list) {
  std::string text;
  for (auto const& p : list)
    text += std::to_string(p.pid) + " " + p.name + " job " + p.job + " attempt " + p.attempt +
            ": " + p.words + "\n";
  return text;
}

std::int64_t resident_kb(pid_t pid) {
  std::istringstream lines{text_of("/proc/" + std::to_string(pid) + "/status")};
  for (std::string line; std::getline(lines, line);)
    if (line.rfind("VmRSS:", 0) == 0)
      return std::stoll(line.substr(6));
  return 0;
}

std::int64_t open_files(pid_t pid) {
  std::error_code none;
  std::int64_t count = 0;
  for ([[maybe_unused]] auto const& entry :
       fs::directory_iterator("/proc/" + std::to_string(pid) + "/fd", none))
    ++count;
  return count;
}

}  // namespace nsai::tests
