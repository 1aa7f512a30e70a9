#include "stages/whole_file.hpp"

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <random>
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

/// A name of its own for every write: attempts of a job may overlap, on machines with a common disk
/// and equal numbers of processes too.
std::string name_beside(std::filesystem::path const& file) {
  static std::atomic<unsigned> written{0};
  constexpr std::size_t shown_of_the_name = 100;  // a name has at most 255 bytes
  std::random_device random;
  return "." + file.filename().string().substr(0, shown_of_the_name) + "." +
         std::to_string(::getpid()) + "." + std::to_string(++written) + "." +
         std::to_string(random()) + std::to_string(random());
}

/// Removes the file, unless it was kept.
class unfinished_file {
 public:
  explicit unfinished_file(std::filesystem::path file) : file_(std::move(file)) {}
  ~unfinished_file() {
    if (!kept_)
      ::unlink(file_.c_str());
  }
  unfinished_file(unfinished_file const&) = delete;
  unfinished_file& operator=(unfinished_file const&) = delete;
  void keep() { kept_ = true; }

 private:
  std::filesystem::path file_;
  bool kept_ = false;
};

}  // namespace

void write_whole_file(std::filesystem::path const& file, std::string_view text) {
  auto const directory = file.has_parent_path() ? file.parent_path() : std::filesystem::path{"."};
  std::filesystem::create_directories(directory);
  auto const beside = directory / name_beside(file);
  {
    processes::file_descriptor out{
        ::open(beside.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666)};
    if (!out)
      cannot_write(file);
    unfinished_file unfinished{beside};
    while (!text.empty()) {
      auto const written = ::write(out.get(), text.data(), text.size());
      if (written < 0 && errno == EINTR)
        continue;
      if (written < 0)
        cannot_write(file);
      text.remove_prefix(static_cast<std::size_t>(written));
    }
    if (::fsync(out.get()) != 0)
      cannot_write(file);
    if (::close(out.release()) != 0)
      cannot_write(file);
    if (std::rename(beside.c_str(), file.c_str()) != 0)
      cannot_write(file);
    unfinished.keep();
  }
  processes::file_descriptor const folder{
      ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (!folder || ::fsync(folder.get()) != 0)
    cannot_write(directory);
}

}  // namespace nsai::stages
