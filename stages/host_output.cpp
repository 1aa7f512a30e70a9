#include "stages/host_output.hpp"

#include <array>
#include <cerrno>
#include <filesystem>

#include <fcntl.h>
#include <unistd.h>

namespace nsai::stages {

void host_output::begin(std::string file, std::int64_t limit_bytes) {
  std::lock_guard const lock{mutex_};
  take();  // by something that outlived the attempt before
  file_ = std::move(file);
  limit_bytes_ = limit_bytes;
  open_ = false;
  log_ = {};
}

void host_output::end() {
  std::lock_guard const lock{mutex_};
  take();
  log_ = {};
  file_.clear();
}

void host_output::pump() {
  std::lock_guard const lock{mutex_};
  take();
}

void host_output::line(std::string const& text) {
  std::lock_guard const lock{mutex_};
  append(text + "\n");
}

void host_output::take() {
  std::array<char, 65536> buffer;
  for (auto* pipe : {&out_, &err_}) {
    // Bounded, so that children that never stop writing do not hold an attempt's end up.
    for (int round = 0; *pipe && round < 64; ++round) {
      auto const count = ::read(pipe->get(), buffer.data(), buffer.size());
      if (count < 0 && errno == EINTR)
        continue;
      if (count <= 0)
        break;
      append({buffer.data(), static_cast<std::size_t>(count)});
    }
  }
}

void host_output::append(std::string_view bytes) {
  if (!open_ && !file_.empty()) {
    open_ = true;
    std::error_code ignored;
    std::filesystem::create_directories(std::filesystem::path{file_}.parent_path(), ignored);
    log_ =
        processes::output_log{processes::file_descriptor{::open(
                                  file_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600)},
                              limit_bytes_};
  }
  log_.append(bytes);
}

}  // namespace nsai::stages
