#pragma once

#include <filesystem>
#include <string>

namespace nsai::tests {

/// A file system of a few megabytes in memory, mounted on a directory that it makes; seen by this
/// program and what it starts, not by the rest of the machine. Needs root.
class small_disk {
 public:
  /// Why there can be none on this machine; empty: there can.
  static std::string why_not();

  small_disk(std::filesystem::path on, int size_mb);
  ~small_disk();
  small_disk(small_disk const&) = delete;
  small_disk& operator=(small_disk const&) = delete;

  /// Not a byte is left.
  void fill();
  void make_room();

 private:
  std::filesystem::path on_;
};

}  // namespace nsai::tests
