#include "processes/output_log.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>

#include <fcntl.h>
#include <unistd.h>

namespace nsai::processes {
namespace {

constexpr std::int64_t most_at_once = 65536;

}  // namespace

void output_log::open() {
  if (path_.empty())
    return;
  std::error_code ignored;
  auto const path = std::exchange(path_, {});
  std::filesystem::create_directories(std::filesystem::path{path}.parent_path(), ignored);
  // Not O_APPEND, with which splice refuses a file.
  file_ = file_descriptor{::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600)};
  if (file_ && ::lseek(file_.get(), 0, SEEK_END) >= 0)
    return;
  error_ = errno;
  truncated_ = true;
}

void output_log::append(std::string_view bytes) {
  open();
  if (!file_ && !truncated_)
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

std::int64_t output_log::move_from(int pipe) {
  open();
  auto const room = limit_bytes_ - written_bytes_;
  if (!file_ || truncated_ || room <= 0)
    return read_from(pipe);
  auto const count = ::splice(pipe, nullptr, file_.get(), nullptr,
                              static_cast<std::size_t>(std::min(room, most_at_once)),
                              SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
  if (count > 0) {
    offered_bytes_ += count;
    written_bytes_ += count;
  }
  if (count >= 0 || errno == EAGAIN || errno == EINTR)
    return count;
  return read_from(pipe);  // not every file system can; a full one says so when it is written to
}

std::int64_t output_log::read_from(int pipe) {
  std::array<char, most_at_once> buffer;
  auto const count = ::read(pipe, buffer.data(), buffer.size());
  if (count > 0)
    append({buffer.data(), static_cast<std::size_t>(count)});
  return count;
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
