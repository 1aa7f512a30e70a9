#include "actors/event_log.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <string>
#include <utility>

#include <spdlog/spdlog.h>
#include <unistd.h>

namespace nsai::actors {
namespace {

namespace fs = std::filesystem;

/// Of the last complete line; 0: there is none. What a crash or a full disk has cut off is passed
/// over.
std::uint64_t last_sequence_in(fs::path const& path) {
  constexpr std::streamoff most_tail = 64 * 1024;
  std::ifstream in{path, std::ios::binary | std::ios::ate};
  if (!in)
    return 0;
  auto const size = static_cast<std::streamoff>(in.tellg());
  auto const length = std::min(size, most_tail);
  std::string tail(static_cast<std::size_t>(length), '\0');
  in.seekg(size - length);
  in.read(tail.data(), length);
  for (auto end = tail.rfind('\n'); end != std::string::npos && end > 0;) {
    auto const before = tail.rfind('\n', end - 1);
    auto const from = before == std::string::npos ? 0 : before + 1;
    auto const line = json::parse(tail.substr(from, end - from), nullptr, false);
    if (line.is_object() && line.contains("sequence") && line["sequence"].is_number_unsigned())
      return line["sequence"].get<std::uint64_t>();
    end = before;
  }
  return 0;
}

}  // namespace

event_log::event_log(event_log_settings settings) : settings_(std::move(settings)) {}

fs::path event_log::older(std::int32_t n) const {
  return n == 0 ? settings_.file : fs::path{settings_.file.string() + "." + std::to_string(n)};
}

std::uint64_t event_log::last_sequence() const {
  for (std::int32_t n = 0; n < settings_.files; ++n)
    if (auto const last = last_sequence_in(older(n)); last > 0)
      return last;
  return 0;
}

void event_log::rotate() {
  file_.reset();
  std::error_code none;
  for (auto n = settings_.files - 1; n > 0; --n)
    fs::rename(older(n - 1), older(n), none);
  if (settings_.files == 1)
    fs::remove(settings_.file, none);
}

bool event_log::write(std::string const& line) {
  if (!file_) {
    std::error_code none;
    fs::create_directories(settings_.file.parent_path(), none);
    file_.reset(std::fopen(settings_.file.c_str(), "ae"));
    if (!file_)
      return false;
    std::setvbuf(file_.get(), nullptr, _IONBF, 0);  // a line is one write
    std::fseek(file_.get(), 0, SEEK_END);
    size_ = std::ftell(file_.get());
  }
  if (size_ > 0 && size_ + static_cast<std::int64_t>(line.size()) > settings_.most_bytes) {
    rotate();
    return write(line);
  }
  auto const written = std::fwrite(line.data(), 1, line.size(), file_.get());
  size_ += static_cast<std::int64_t>(written);
  if (written == line.size())
    return true;
  // A part of a line would spoil the next one.
  if (written > 0 &&
      ::ftruncate(::fileno(file_.get()), size_ - static_cast<std::int64_t>(written)) == 0)
    size_ -= static_cast<std::int64_t>(written);
  file_.reset();
  return false;
}

void event_log::add(event const& e) {
  auto const line = json(e).dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
  if (!write(line)) {
    if (left_out_++ == 0)
      spdlog::error("events: {} cannot be written: {}; events are left out until it can",
                    settings_.file.string(), std::strerror(errno));
    return;
  }
  if (auto const count = std::exchange(left_out_, 0); count > 0)
    spdlog::warn("events: {} is written again; {} events were left out", settings_.file.string(),
                 count);
}

}  // namespace nsai::actors
