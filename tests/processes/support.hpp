#pragma once

#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <functional>
#include <mutex>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "processes/process_pool.hpp"
#include "tests/support/eventually.hpp"

namespace nsai::tests {

inline bool alive(pid_t pid) {
  if (::kill(pid, 0) != 0)
    return false;
  // A zombie has ended; it only waits to be taken in.
  std::ifstream stat{"/proc/" + std::to_string(pid) + "/stat"};
  std::string text{std::istreambuf_iterator<char>{stat}, {}};
  auto const close = text.rfind(')');
  return close != std::string::npos && text[close + 2] != 'Z';
}

inline std::string text_of(std::filesystem::path const& file) {
  std::ifstream in{file};
  return {std::istreambuf_iterator<char>{in}, {}};
}

/// Process ids that a program wrote into a file, once there are `count`.
inline std::vector<pid_t> pids_in(std::filesystem::path const& file, std::size_t count) {
  std::vector<pid_t> list;
  eventually([&] {
    std::istringstream in{text_of(file)};
    list.clear();
    for (pid_t pid = 0; in >> pid;)
      list.push_back(pid);
    return list.size() >= count;
  });
  return list;
}

struct temporary_directory {
  std::filesystem::path path;
  temporary_directory() {
    std::string base = (std::filesystem::temp_directory_path() / "nsai-processes-XXXXXX").string();
    path = ::mkdtemp(base.data());
  }
  ~temporary_directory() { std::filesystem::remove_all(path); }
};

/// Waits for the ends of programs.
class ends {
 public:
  processes::process_pool::on_exit expect() {
    return [this](processes::process_exit exit) {
      std::lock_guard const lock{mutex_};
      list_.push_back(std::move(exit));
      changed_.notify_all();
    };
  }
  bool wait(std::size_t count) {
    std::unique_lock lock{mutex_};
    return changed_.wait_for(lock, std::chrono::seconds{30}, [&] { return list_.size() >= count; });
  }
  std::vector<processes::process_exit> const& list() const { return list_; }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<processes::process_exit> list_;
};

inline processes::process_spec shell(std::string script) {
  processes::process_spec spec;
  spec.argv = {"sh", "-c", std::move(script)};
  spec.env = {"PATH=/usr/local/bin:/usr/bin:/bin"};
  return spec;
}

}  // namespace nsai::tests
