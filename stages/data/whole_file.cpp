#include "stages/data/whole_file.hpp"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <stdexcept>
#include <string>

#include <fcntl.h>
#include <unistd.h>

#include "processes/file_descriptor.hpp"

namespace nsai::stages {
namespace {

[[noreturn]] void cannot_write(std::filesystem::path const& file) {
  throw std::runtime_error(file.string() + " cannot be written: " + std::strerror(errno));
}

}  // namespace

void write_whole_file(std::filesystem::path const& file, std::string_view text) {
  auto const directory = file.has_parent_path() ? file.parent_path() : std::filesystem::path{"."};
  std::filesystem::create_directories(directory);
  // Two attempts of a job may overlap for a moment; each has a file of its own until the rename.
  auto const beside =
      directory / ("." + file.filename().string() + "." + std::to_string(::getpid()));
  {
    processes::file_descriptor const out{
        ::open(beside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666)};
    if (!out)
      cannot_write(beside);
    while (!text.empty()) {
      auto const written = ::write(out.get(), text.data(), text.size());
      if (written < 0 && errno == EINTR)
        continue;
      if (written < 0)
        cannot_write(beside);
      text.remove_prefix(static_cast<std::size_t>(written));
    }
    if (::fsync(out.get()) != 0)
      cannot_write(beside);
  }
  if (std::rename(beside.c_str(), file.c_str()) != 0) {
    auto const why = errno;
    ::unlink(beside.c_str());
    errno = why;
    cannot_write(file);
  }
  processes::file_descriptor const folder{
      ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (!folder || ::fsync(folder.get()) != 0)
    cannot_write(directory);
}

}  // namespace nsai::stages
