#include "store/data_dir.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <utility>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

namespace nsai::store {
namespace {

constexpr unsigned long fuse_magic = 0x65735546;

struct known_magic {
  unsigned long value;
  char const* name;
};
constexpr std::array network_magics = {
    known_magic{0x6969, "NFS"},        known_magic{0x517B, "SMB"},
    known_magic{0xFF534D42, "CIFS"},   known_magic{0xFE534D42, "SMB2"},
    known_magic{0x00C36400, "CephFS"}, known_magic{0x5346414F, "AFS"},
    known_magic{0x6B414653, "AFS"},    known_magic{0x73757245, "Coda"},
    known_magic{0x0BD00BD0, "Lustre"}, known_magic{0x47504653, "GPFS"},
    known_magic{0x19830326, "BeeGFS"}, known_magic{0x7461636F, "OCFS2"},
    known_magic{0x01161970, "GFS2"},   known_magic{0x564C, "NCP"},
    known_magic{0x013111A8, "IBRIX"},  known_magic{0xAAD7AAEA, "PanFS"},
    known_magic{0x01021997, "9p"},
};
constexpr std::array network_fuses = {
    "fuse.sshfs",    "fuse.glusterfs", "fuse.ceph",      "fuse.ceph-fuse", "fuse.s3fs",
    "fuse.gcsfuse",  "fuse.rclone",    "fuse.juicefs",   "fuse.davfs",     "fuse.moosefs",
    "fuse.mfs",      "fuse.goofys",    "fuse.mount-s3",  "fuse.smbnetfs",  "fuse.curlftpfs",
    "fuse.blobfuse", "fuse.blobfuse2", "fuse.seaweedfs",
};

[[noreturn]] void fail(std::string const& path, std::string const& what) {
  throw store_error("data directory " + path + ": " + what);
}
[[noreturn]] void fail_errno(std::string const& path, std::string const& doing) {
  fail(path, doing + ": " + std::strerror(errno));
}

class descriptor {
 public:
  explicit descriptor(int value) : value_(value) {}
  ~descriptor() {
    if (value_ >= 0)
      ::close(value_);
  }
  descriptor(descriptor const&) = delete;
  descriptor& operator=(descriptor const&) = delete;
  int get() const noexcept { return value_; }
  int release() noexcept { return std::exchange(value_, -1); }

 private:
  int value_;
};

/// The type that /proc/self/mountinfo gives for the device ("fuse.sshfs"); empty when it is not
/// listed.
std::string mount_type_of(dev_t device) {
  std::ifstream mounts("/proc/self/mountinfo");
  auto const wanted = std::to_string(major(device)) + ":" + std::to_string(minor(device));
  for (std::string line; std::getline(mounts, line);) {
    std::istringstream words(line);
    std::string id, parent, numbers, word;
    words >> id >> parent >> numbers;
    if (numbers != wanted)
      continue;
    while (words >> word && word != "-") {
    }
    words >> word;
    return word;
  }
  return {};
}

void random_bytes(unsigned char* to, std::size_t size) {
  for (std::size_t got = 0; got < size;) {
    auto const more = ::getrandom(to + got, size - got, 0);
    if (more < 0 && errno != EINTR)
      throw store_error(std::string("reading random numbers: ") + std::strerror(errno));
    got += more > 0 ? static_cast<std::size_t>(more) : 0;
  }
}

template <std::size_t Size>
std::string hex(std::array<unsigned char, Size> const& bytes) {
  constexpr char const* digits = "0123456789abcdef";
  std::string text;
  for (auto const byte : bytes) {
    text += digits[byte >> 4];
    text += digits[byte & 15];
  }
  return text;
}

std::string new_uuid() {
  std::array<unsigned char, 16> bytes{};
  random_bytes(bytes.data(), bytes.size());
  bytes[6] = static_cast<unsigned char>((bytes[6] & 0x0f) | 0x40);
  bytes[8] = static_cast<unsigned char>((bytes[8] & 0x3f) | 0x80);
  auto text = hex(bytes);
  for (std::size_t const at : {8U, 13U, 18U, 23U})
    text.insert(at, 1, '-');
  return text;
}

std::string new_secret() {
  std::array<unsigned char, 32> bytes{};
  random_bytes(bytes.data(), bytes.size());
  return hex(bytes);
}

bool all_hex(std::string const& text) {
  return text.find_first_not_of("0123456789abcdef") == std::string::npos;
}
bool is_secret(std::string const& text) {
  return text.size() == 64 && all_hex(text);
}
bool is_uuid(std::string const& text) {
  auto plain = text;
  std::erase(plain, '-');
  return text.size() == 36 && plain.size() == 32 && all_hex(plain);
}

/// The first line of a file that only its owner may read, if there is such a file.
std::optional<std::string> read_private(std::string const& path) {
  descriptor const file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (file.get() < 0) {
    if (errno == ENOENT)
      return std::nullopt;
    fail_errno(path, "reading");
  }
  struct stat about {};
  if (::fstat(file.get(), &about) != 0)
    fail_errno(path, "reading");
  if ((about.st_mode & 0077) != 0)
    fail(path,
         "group or others have access; expected 0600 (chmod 600, and a new secret if it was read)");
  std::array<char, 256> buffer{};
  auto const size = ::read(file.get(), buffer.data(), buffer.size());
  if (size < 0)
    fail_errno(path, "reading");
  std::string text(buffer.data(), static_cast<std::size_t>(size));
  return text.substr(0, text.find('\n'));
}

/// Whole or not at all, whatever happens.
void write_private(std::string const& directory, std::string const& path, std::string const& text) {
  auto const fresh = path + ".new";
  ::unlink(fresh.c_str());
  descriptor const file(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  auto const line = text + "\n";
  if (file.get() < 0 ||
      ::write(file.get(), line.data(), line.size()) != static_cast<ssize_t>(line.size()) ||
      ::fsync(file.get()) != 0 || ::rename(fresh.c_str(), path.c_str()) != 0)
    fail_errno(path, "writing");
  descriptor const folder(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder.get() < 0 || ::fsync(folder.get()) != 0)
    fail_errno(path, "writing");
}

std::string read_or_make(std::string const& directory, std::string const& name,
                         std::string (*make)(), bool (*valid)(std::string const&),
                         char const* expected) {
  auto const path = directory + "/" + name;
  if (auto const found = read_private(path)) {
    if (!valid(*found))
      fail(path, std::string("its content is damaged; expected ") + expected);
    return *found;
  }
  auto const made = make();
  write_private(directory, path, made);
  return made;
}

void make_directory(std::string const& path) {
  auto const parent = std::filesystem::path(path).parent_path();
  std::error_code fault;
  if (!parent.empty())
    std::filesystem::create_directories(parent, fault);
  if (fault)
    fail(path, "creating " + parent.string() + ": " + fault.message());
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST)
    fail_errno(path, "creating");
}

void check_directory(std::string const& path) {
  struct stat about {};
  if (::stat(path.c_str(), &about) != 0)
    fail_errno(path, "reading");
  if (!S_ISDIR(about.st_mode))
    fail(path, "it is no directory");
  if (about.st_uid != ::geteuid())
    fail(path, "it belongs to user " + std::to_string(about.st_uid) + ", not to this one (" +
                   std::to_string(::geteuid()) + ")");
  if ((about.st_mode & 0022) != 0)
    fail(path, "group or others can write to it; expected 0700 (chmod 700)");
  if (auto const kind = network_file_system(path); !kind.empty())
    fail(path, "it lies on a network file system (" + kind +
                   "), where the database is not safe; expected a directory on a local disk");
}

int take_lock(std::string const& path) {
  descriptor lock(
      ::open((path + "/lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (lock.get() < 0)
    fail_errno(path, "opening its lock");
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK)
      fail_errno(path, "locking");
    std::array<char, 32> buffer{};
    auto const size = ::pread(lock.get(), buffer.data(), buffer.size() - 1, 0);
    auto const pid = size > 0 ? std::atol(buffer.data()) : 0;
    fail(path,
         "it is in use by " + (pid > 0 ? "process " + std::to_string(pid) : "another process"));
  }
  auto const pid = std::to_string(::getpid()) + "\n";
  // The number only serves the error message above; without it the lock holds as well.
  if (::ftruncate(lock.get(), 0) == 0 && ::pwrite(lock.get(), pid.data(), pid.size(), 0) < 0)
    errno = 0;
  return lock.release();
}

}  // namespace

std::string network_file_system(unsigned long magic, std::string const& mount_type) {
  magic &= 0xffffffffUL;  // f_type is signed on some machines
  for (auto const& each : network_magics)
    if (each.value == magic)
      return each.name;
  bool const fuse = magic == fuse_magic && std::find(network_fuses.begin(), network_fuses.end(),
                                                     mount_type) != network_fuses.end();
  return fuse ? mount_type : std::string();
}

std::string network_file_system(std::string const& path) {
  struct statfs system {};
  struct stat about {};
  if (::statfs(path.c_str(), &system) != 0 || ::stat(path.c_str(), &about) != 0)
    fail_errno(path, "reading its file system");
  auto const magic = static_cast<unsigned long>(system.f_type);
  return network_file_system(magic,
                             magic == fuse_magic ? mount_type_of(about.st_dev) : std::string());
}

data_dir::data_dir(std::string path) : path_(std::move(path)) {
  while (path_.size() > 1 && path_.back() == '/')
    path_.pop_back();
  make_directory(path_);
  check_directory(path_);
  lock_ = take_lock(path_);
}

data_dir::~data_dir() {
  if (lock_ >= 0)
    ::close(lock_);
}

data_dir::data_dir(data_dir&& from) noexcept
    : path_(std::move(from.path_)), lock_(std::exchange(from.lock_, -1)) {}

std::string data_dir::node_uuid() const {
  return read_or_make(path_, "node-uuid", new_uuid, is_uuid, "a UUID");
}

std::string data_dir::secret() const {
  return read_or_make(path_, "secret", new_secret, is_secret, "64 hex digits");
}

}  // namespace nsai::store
