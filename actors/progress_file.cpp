#include "actors/progress_file.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <fstream>
#include <string>

#include "messages/values.hpp"

namespace nsai::actors {
namespace {

constexpr std::size_t most_text = 200;

/// The text goes into JSON documents, which bytes that are no UTF-8 would spoil.
std::string as_utf8(std::string_view bytes) {
  auto const quoted = json(std::string{bytes}).dump(-1, ' ', false, json::error_handler_t::replace);
  return json::parse(quoted).get<std::string>();
}

}  // namespace

std::optional<progress_info> parse_progress(std::string_view line) {
  double number = 0;
  auto const [rest, fault] = std::from_chars(line.data(), line.data() + line.size(), number);
  if (fault != std::errc{} || !std::isfinite(number))
    return std::nullopt;
  line.remove_prefix(static_cast<std::size_t>(rest - line.data()));
  if (line.starts_with('%')) {
    number /= 100;
    line.remove_prefix(1);
  }
  if (!line.empty() && line.front() != ' ' && line.front() != '\t' && line.front() != '\r')
    return std::nullopt;
  auto const from = std::min(line.find_first_not_of(" \t\r"), line.size());
  line.remove_prefix(from);
  while (!line.empty() && (line.back() == ' ' || line.back() == '\r'))
    line.remove_suffix(1);
  progress_info progress;
  progress.fraction.value = std::llround(std::clamp(number, 0.0, 1.0) * 1000);
  progress.text = as_utf8(line.substr(0, most_text));
  return progress;
}

std::optional<progress_info> progress_file::news() {
  // A regular file only: a program may have put something else there, on which a read could block.
  std::error_code fault;
  if (!std::filesystem::is_regular_file(file_, fault))
    return std::nullopt;
  auto const size = std::filesystem::file_size(file_, fault);
  auto const written_at = std::filesystem::last_write_time(file_, fault);
  if (fault || (size == size_ && written_at == written_at_))
    return std::nullopt;
  size_ = size;
  written_at_ = written_at;
  constexpr std::uintmax_t most_tail = 4096;
  std::ifstream in{file_, std::ios::binary};
  in.seekg(static_cast<std::streamoff>(size - std::min(size, most_tail)));
  std::string tail(static_cast<std::size_t>(std::min(size, most_tail)), '\0');
  in.read(tail.data(), static_cast<std::streamsize>(tail.size()));
  tail.resize(static_cast<std::size_t>(std::max<std::streamsize>(0, in.gcount())));
  for (auto end = tail.rfind('\n'); end != std::string::npos && end > 0;) {
    auto const before = tail.rfind('\n', end - 1);
    auto const from = before == std::string::npos ? 0 : before + 1;
    if (auto progress = parse_progress(std::string_view{tail}.substr(from, end - from)))
      return progress;
    end = before;
  }
  return std::nullopt;
}

}  // namespace nsai::actors
