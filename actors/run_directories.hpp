#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace nsai::actors {

/// How many attempts use a folder that the attempts of a job share.
struct folder_uses {
  std::mutex mutex;  // held while a folder is made or removed
  std::map<std::filesystem::path, int> count;
};

/// Makes and removes the directories of attempts. A file system searches long for a free inode
/// where many were freed a moment ago, so what an attempt leaves as it got it is kept and serves
/// another one, under its name. Owned by one actor; everything throws
/// std::filesystem::filesystem_error unless it says otherwise.
class run_directories {
 public:
  /// `spares`: a directory of this object alone, made when it is needed.
  /// `uses`: shared by all that serve the same jobs.
  run_directories(std::filesystem::path spares, std::shared_ptr<folder_uses> uses)
      : spares_(std::move(spares)), uses_(std::move(uses)) {}

  /// `at`, with options.json, context.json and an empty scratch/ in it.
  void make_run(std::filesystem::path const& at, std::string const& options,
                std::string const& context);
  /// Never throws.
  void remove_run(std::filesystem::path const& at) noexcept;

  /// An empty directory, unless there is something already. It is in use until `remove_folder`,
  /// which has to follow.
  void make_folder(std::filesystem::path const& at);
  /// All of them or none.
  void make_folders(std::vector<std::filesystem::path> const& all);
  /// Removes it if nothing was put into it and nobody else uses it: another attempt of the job may
  /// have begun. Never throws.
  void remove_folder(std::filesystem::path const& at) noexcept;

 private:
  bool take(std::vector<std::filesystem::path>& from, std::filesystem::path const& at);
  void keep(std::vector<std::filesystem::path>& to, std::filesystem::path const& at);

  std::filesystem::path spares_;
  std::shared_ptr<folder_uses> uses_;
  std::size_t made_ = 0;  // names of spares
  std::vector<std::filesystem::path> runs_;
  std::vector<std::filesystem::path> folders_;
};

/// Removes what attempts that a crash has cut off left in the directory of all runs, on a thread of
/// its own: it may be much. Never throws.
void remove_left_runs(std::filesystem::path const& runs) noexcept;

}  // namespace nsai::actors
