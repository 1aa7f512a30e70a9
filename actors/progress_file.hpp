#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string_view>

#include "messages/job.hpp"

namespace nsai::actors {

/// One line of what a program reports: "0.42 text", or "42% text". Nothing when it is neither. The
/// fraction is held within 0 to 1; of the text 200 bytes are kept.
std::optional<progress_info> parse_progress(std::string_view line);

/// The file NSAI_PROGRESS of one attempt, to which its program adds lines, or which it writes anew.
class progress_file {
 public:
  explicit progress_file(std::filesystem::path file) : file_(std::move(file)) {}

  /// The last complete line that can be read, if the file has changed since the last call.
  std::optional<progress_info> news();

 private:
  std::filesystem::path file_;
  std::uintmax_t size_ = 0;
  std::filesystem::file_time_type written_at_{};
};

}  // namespace nsai::actors
