#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace nsai::tests {

/// A folder for one test.
struct work_folder {
  work_folder() {
    std::string name = std::filesystem::temp_directory_path() / "nsai-learning.XXXXXX";
    path = ::mkdtemp(name.data());
  }
  ~work_folder() { std::filesystem::remove_all(path); }
  work_folder(work_folder const&) = delete;
  work_folder& operator=(work_folder const&) = delete;
  std::filesystem::path path;
};

inline std::string bytes_in(std::filesystem::path const& file) {
  std::ifstream in{file, std::ios::binary};
  return {std::istreambuf_iterator<char>{in}, {}};
}

}  // namespace nsai::tests
