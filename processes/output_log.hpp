#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "processes/file_descriptor.hpp"

namespace nsai::processes {

/// The part of a log file that one program writes, bounded in bytes. The file, and the folder that
/// it lies in, are made when there is something to write. At the bound one line says so, and what
/// comes after is counted and dropped: a program never waits or fails because of its log.
class output_log {
 public:
  /// Drops everything.
  output_log() = default;
  output_log(std::string path, std::int64_t limit_bytes)
      : path_(std::move(path)), limit_bytes_(limit_bytes) {}

  void append(std::string_view bytes);

  /// Moves what is in a pipe, at most 64 KiB at once, into the log. No byte is in this process
  /// only, so that the end of the process loses none: it is in the log or still in the pipe. Gives
  /// what read() would give.
  std::int64_t move_from(int pipe);

  std::int64_t written_bytes() const { return written_bytes_; }
  std::int64_t offered_bytes() const { return offered_bytes_; }
  bool truncated() const { return truncated_; }
  int error() const { return error_; }

 private:
  void open();
  void write(std::string_view bytes);
  std::int64_t read_from(int pipe);

  std::string path_;  // empty: dropped, or open
  file_descriptor file_;
  std::int64_t limit_bytes_ = 0;
  std::int64_t written_bytes_ = 0;
  std::int64_t offered_bytes_ = 0;
  bool truncated_ = false;
  int error_ = 0;
};

}  // namespace nsai::processes
