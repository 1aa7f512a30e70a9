#include "processes/process_tree.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <string>

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

namespace nsai::processes {
namespace {

std::string read_small(std::string const& path) {
  int const fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return {};
  std::string text;
  std::array<char, 4096> buffer{};
  ssize_t count = 0;
  while ((count = ::read(fd, buffer.data(), buffer.size())) > 0)
    text.append(buffer.data(), static_cast<std::size_t>(count));
  ::close(fd);
  return text;
}

template <class Number>
void append_numbers(std::string const& text, std::vector<Number>& to) {
  char const* at = text.data();
  char const* const end = at + text.size();
  while (at < end) {
    Number number = 0;
    auto const parsed = std::from_chars(at, end, number);
    if (parsed.ec == std::errc{})
      to.push_back(number);
    at = parsed.ptr + 1;
  }
}

template <class Each>
void for_each_entry(std::string const& directory, Each each) {
  DIR* dir = ::opendir(directory.c_str());
  if (dir == nullptr)
    return;
  while (auto const* entry = ::readdir(dir))
    if (entry->d_name[0] >= '0' && entry->d_name[0] <= '9')
      each(std::string{entry->d_name});
  ::closedir(dir);
}

/// The parent that /proc/PID/stat names: the second field after the command in parentheses.
pid_t parent_of(std::string const& pid) {
  auto const stat = read_small("/proc/" + pid + "/stat");
  auto const close = stat.rfind(')');
  return close == std::string::npos || close + 4 >= stat.size()
             ? 0
             : std::atoi(stat.c_str() + close + 4);
}

bool kernel_lists_children() {
  static bool const there =
      ::access("/proc/self/task", X_OK) == 0 &&
      ::access(("/proc/self/task/" + std::to_string(::getpid()) + "/children").c_str(), R_OK) == 0;
  return there;
}

}  // namespace

std::vector<pid_t> children_of(pid_t parent) {
  std::vector<pid_t> list;
  if (kernel_lists_children()) {
    auto const tasks = "/proc/" + std::to_string(parent) + "/task";
    for_each_entry(tasks, [&](std::string const& task) {
      append_numbers(read_small(tasks + "/" + task + "/children"), list);
    });
    return list;
  }
  for_each_entry("/proc", [&](std::string const& pid) {
    if (parent_of(pid) == parent)
      list.push_back(std::atoi(pid.c_str()));
  });
  return list;
}

std::vector<pid_t> descendants_of(pid_t root) {
  std::vector<pid_t> all = children_of(root);
  for (std::size_t i = 0; i < all.size(); ++i)
    for (auto const child : children_of(all[i]))
      if (std::find(all.begin(), all.end(), child) == all.end())
        all.push_back(child);
  return all;
}

bool is_below(pid_t pid, pid_t root) {
  constexpr int deepest = 1000;  // parents can change while they are followed
  for (int i = 0; i < deepest && pid > 1 && pid != root; ++i)
    pid = parent_of(std::to_string(pid));
  return pid == root;
}

std::int64_t resident_mb_below(pid_t root) {
  std::int64_t pages = 0;
  for (auto const pid : descendants_of(root)) {
    std::vector<std::int64_t> numbers;  // total, resident, ...
    append_numbers(read_small("/proc/" + std::to_string(pid) + "/statm"), numbers);
    if (numbers.size() > 1)
      pages += numbers[1];
  }
  std::int64_t const page_kb = ::sysconf(_SC_PAGESIZE) / 1024;
  return (pages * page_kb + 1023) / 1024;
}

void patience::wait() {
  constexpr int quick_ones = 2'000;  // a second of them
  bool const is_quick = times_ < quick_ones;
  times_ += is_quick ? 1 : 0;
  timespec const pause{0, is_quick ? 500'000 : 200'000'000};
  ::nanosleep(&pause, nullptr);
}

reaped end_all_descendants(std::optional<std::chrono::milliseconds> at_most) {
  reaped told;
  patience between;
  auto const begin = std::chrono::steady_clock::now();
  while (true) {
    rusage usage{};
    pid_t const gone = ::wait4(-1, nullptr, WNOHANG, &usage);
    if (gone < 0 && errno == ECHILD)
      return told;
    if (gone > 0) {
      told.peak_rss_kb = std::max<std::int64_t>(told.peak_rss_kb, usage.ru_maxrss);
      continue;
    }
    for (auto const pid : descendants_of(::getpid()))
      ::kill(pid, SIGKILL);
    if (at_most && std::chrono::steady_clock::now() - begin > *at_most) {
      told.all = false;
      return told;
    }
    between.wait();
  }
}

}  // namespace nsai::processes
