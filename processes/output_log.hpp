#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "processes/file_descriptor.hpp"

namespace nsai::processes {

/// The part of a log file that one program writes, bounded in bytes. At the bound one line says so,
/// and what comes after is counted and dropped: a program never waits or fails because of its log.
class output_log {
 public:
  /// Drops everything.
  output_log() = default;
  output_log(file_descriptor file, std::int64_t limit_bytes)
      : file_(std::move(file)), limit_bytes_(limit_bytes) {}

  void append(std::string_view bytes);

  /// Moves what is in a pipe, at most 64 KiB at once, into the log; the file is not open with
  /// O_APPEND. No byte is in this process only, so that the end of the process loses none: it is in
  /// the log or still in the pipe. Gives what read() would give.
  std::int64_t move_from(int pipe);

  std::int64_t written_bytes() const { return written_bytes_; }
  std::int64_t offered_bytes() const { return offered_bytes_; }
  bool truncated() const { return truncated_; }
  int error() const { return error_; }

 private:
  void write(std::string_view bytes);
  std::int64_t read_from(int pipe);

  file_descriptor file_;
  std::int64_t limit_bytes_ = 0;
  std::int64_t written_bytes_ = 0;
  std::int64_t offered_bytes_ = 0;
  bool truncated_ = false;
  int error_ = 0;
};

}  // namespace nsai::processes
