#include "processes/output_log.hpp"

#include <cerrno>

#include <unistd.h>

namespace nsai::processes {

void output_log::append(std::string_view bytes) {
  if (!file_)
    return;
  offered_bytes_ += static_cast<std::int64_t>(bytes.size());
  if (truncated_)
    return;
  auto const room = static_cast<std::size_t>(limit_bytes_ - written_bytes_);
  write(bytes.substr(0, room));
  if (truncated_ || bytes.size() <= room)
    return;
  auto const counted = written_bytes_;
  write("\n[nsai] log truncated at " + std::to_string(limit_bytes_) + " bytes\n");
  written_bytes_ = counted;
  truncated_ = true;
}

void output_log::write(std::string_view bytes) {
  while (!bytes.empty()) {
    auto const n = ::write(file_.get(), bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0) {
      error_ = errno;
      truncated_ = true;
      return;
    }
    written_bytes_ += n;
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
}

}  // namespace nsai::processes
