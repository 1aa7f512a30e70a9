#include "node/access.hpp"

#include <cerrno>
#include <cstring>
#include <stdexcept>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace nsai::node {

namespace fs = std::filesystem;

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
