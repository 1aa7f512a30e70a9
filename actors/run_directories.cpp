#include "actors/run_directories.hpp"

#include <cerrno>
#include <thread>

#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include "processes/file_descriptor.hpp"

namespace nsai::actors {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t most_spares = 256;
constexpr mode_t directory_mode = 0700;
constexpr mode_t file_mode = 0600;

[[noreturn]] void fail(char const* doing, fs::path const& what) {
  throw fs::filesystem_error(doing, what, std::error_code(errno, std::generic_category()));
}

void make_directory(fs::path const& at) {
  if (::mkdir(at.c_str(), directory_mode) == 0)
    return;
  if (errno == ENOENT) {
    fs::create_directories(at.parent_path());
    if (::mkdir(at.c_str(), directory_mode) == 0)
      return;
  }
  if (errno != EEXIST || !fs::is_directory(at))
    fail("cannot make", at);
}

/// In place: the blocks of the file stay its own.
void write_file(fs::path const& file, std::string const& text) {
  processes::file_descriptor const out{
      ::open(file.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, file_mode)};
  if (!out)
    fail("cannot write", file);
  for (std::size_t at = 0; at < text.size();) {
    auto const count = ::write(out.get(), text.data() + at, text.size() - at);
    if (count < 0 && errno == EINTR)
      continue;
    if (count < 0)
      fail("cannot write", file);
    at += static_cast<std::size_t>(count);
  }
  if (::ftruncate(out.get(), static_cast<off_t>(text.size())) != 0)
    fail("cannot write", file);
}

/// Nobody else has a name for it, and its rights were not changed.
bool is_as_made(fs::path const& at, mode_t kind, mode_t rights) {
  struct stat about {};
  return ::lstat(at.c_str(), &about) == 0 && (about.st_mode & S_IFMT) == kind &&
         (about.st_mode & ~S_IFMT) == rights && about.st_uid == ::geteuid() &&
         (kind == S_IFDIR || about.st_nlink == 1);
}

bool is_empty_directory(fs::path const& at) {
  std::error_code fault;
  return is_as_made(at, S_IFDIR, directory_mode) && fs::is_empty(at, fault) && !fault;
}

bool is_untouched_run(fs::path const& at) {
  std::error_code fault;
  std::size_t entries = 0;
  for (fs::directory_iterator each{at, fault}, end; !fault && each != end; each.increment(fault))
    ++entries;
  return !fault && entries == 3 && is_as_made(at, S_IFDIR, directory_mode) &&
         is_as_made(at / "options.json", S_IFREG, file_mode) &&
         is_as_made(at / "context.json", S_IFREG, file_mode) && is_empty_directory(at / "scratch");
}

}  // namespace

void run_directories::make_run(fs::path const& at, std::string const& options,
                               std::string const& context) {
  if (!take(runs_, at)) {
    make_directory(at);
    make_directory(at / "scratch");
  }
  write_file(at / "options.json", options);
  write_file(at / "context.json", context);
}

void run_directories::remove_run(fs::path const& at) noexcept try {
  std::error_code ignored;
  for (auto const* written : {"result.json", "progress"})
    fs::remove(at / written, ignored);
  if (runs_.size() < most_spares && is_untouched_run(at))
    keep(runs_, at);
  else
    fs::remove_all(at, ignored);
} catch (std::exception const&) {
  // Without memory: it stays until the next start of the node.
}

void run_directories::make_folder(fs::path const& at) {
  std::lock_guard const lock{uses_->mutex};
  struct stat about {};
  bool const there = ::stat(at.c_str(), &about) == 0 && S_ISDIR(about.st_mode);
  if (!there && !take(folders_, at))
    make_directory(at);
  ++uses_->count[at];
}

void run_directories::make_folders(std::vector<fs::path> const& all) {
  std::size_t made = 0;
  try {
    for (; made < all.size(); ++made)
      make_folder(all[made]);
  } catch (...) {
    while (made > 0)
      remove_folder(all[--made]);
    throw;
  }
}

void run_directories::remove_folder(fs::path const& at) noexcept try {
  std::lock_guard const lock{uses_->mutex};
  if (auto const uses = uses_->count.find(at); uses != uses_->count.end()) {
    if (--uses->second > 0)
      return;
    uses_->count.erase(uses);
  }
  std::error_code ignored;
  if (folders_.size() < most_spares && is_empty_directory(at))
    keep(folders_, at);
  else
    fs::remove(at, ignored);  // succeeds only when nothing was left in it
} catch (std::exception const&) {
}

bool run_directories::take(std::vector<fs::path>& from, fs::path const& at) {
  while (!from.empty()) {
    auto const spare = std::move(from.back());
    from.pop_back();
    std::error_code fault;
    if (&from == &folders_ ? !is_empty_directory(spare) : !is_untouched_run(spare)) {
      fs::remove_all(spare, fault);
      continue;
    }
    fs::rename(spare, at, fault);
    if (fault == std::errc::no_such_file_or_directory) {  // of the spare, or of where it should go
      fs::create_directories(at.parent_path());
      fs::rename(spare, at, fault);
    }
    if (!fault)
      return true;
    fs::remove_all(spare, fault);
  }
  return false;
}

void run_directories::keep(std::vector<fs::path>& to, fs::path const& at) {
  auto const name = spares_ / std::to_string(++made_);
  std::error_code fault;
  fs::rename(at, name, fault);
  if (fault == std::errc::no_such_file_or_directory) {
    make_directory(spares_);
    fs::rename(at, name, fault);
  }
  if (fault)
    fs::remove_all(at, fault);
  else
    to.push_back(name);
}

void remove_left_runs(fs::path const& runs) noexcept try {
  // Out of the way of new attempts. One such name may be there from a start that was cut off, too.
  auto const prefix = runs.filename().string() + ".left-";
  std::error_code fault;
  fs::rename(runs, runs.parent_path() / (prefix + std::to_string(::getpid())), fault);
  std::vector<fs::path> left;
  for (auto const& each : fs::directory_iterator{runs.parent_path()})
    if (each.path().filename().string().starts_with(prefix))
      left.push_back(each.path());
  if (left.empty())
    return;
  std::thread([left] {
    std::error_code ignored;
    for (auto const& each : left)
      fs::remove_all(each, ignored);
  }).detach();
} catch (std::exception const& e) {
  spdlog::warn("what earlier attempts left in {} stays: {}", runs.string(), e.what());
}

}  // namespace nsai::actors
