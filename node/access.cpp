#include "node/access.hpp"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <stdexcept>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace nsai::node {

namespace fs = std::filesystem;

namespace {

std::string read_secret(fs::path const& file) {
  std::ifstream in{file};
  std::string secret;
  std::getline(in, secret);
  while (!secret.empty() && (secret.back() == '\r' || secret.back() == ' '))
    secret.pop_back();
  return secret;
}

std::string read_named(std::string const& file) {
  auto secret = read_secret(file);
  if (secret.empty())
    throw shape_error("secret-file", "\"" + file + "\" cannot be read or is empty",
                      "a file with the secret in its first line");
  return secret;
}

}  // namespace

fs::path runtime_secret_file(std::uint16_t port) {
  char const* runtime = std::getenv("XDG_RUNTIME_DIR");
  std::error_code none;
  fs::path const base = runtime != nullptr && *runtime != '\0' && fs::is_directory(runtime, none)
                            ? fs::path{runtime} / "nsai"
                            : fs::path{"/tmp/nsai-" + std::to_string(::getuid())};
  return base / std::to_string(port);
}

std::string find_secret(std::string const& file, std::uint16_t port) {
  if (!file.empty())
    return read_named(file);
  if (char const* named = std::getenv("NSAI_SECRET_FILE"); named != nullptr && *named != '\0')
    return read_named(named);
  return read_secret(runtime_secret_file(port));
}

published_secret::published_secret(std::uint16_t port, std::string const& secret)
    : file_(runtime_secret_file(port)) {
  auto const directory = file_.parent_path();
  ::mkdir(directory.c_str(), 0700);
  struct stat about {};
  bool const ours = ::lstat(directory.c_str(), &about) == 0 && S_ISDIR(about.st_mode) &&
                    about.st_uid == ::getuid() && (about.st_mode & 077) == 0;
  if (!ours)
    throw std::runtime_error(directory.string() +
                             " is not a private directory of this user; expected mode 0700");
  // Whole at once, in place of what a killed scheduler has left: a client that comes meanwhile must
  // not find nothing and be refused for it.
  auto const fresh = file_.string() + ".new";
  ::unlink(fresh.c_str());
  int const fd = ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  auto const text = secret + "\n";
  bool const written =
      fd >= 0 && ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  int const why = errno;
  if (fd >= 0)
    ::close(fd);
  if (!written || ::rename(fresh.c_str(), file_.c_str()) != 0)
    throw std::runtime_error("cannot write " + file_.string() + ": " + std::strerror(why));
}

published_secret::~published_secret() {
  std::error_code none;
  fs::remove(file_, none);
}

}  // namespace nsai::node
