#pragma once

#include <string>

#include "store/store_error.hpp"

namespace nsai::store {

/// The private directory of one node's durable data, held by one process at a time.
///
/// The lock lasts as long as the object, and goes with the process however it dies. A process
/// forked while it is held would hold it too, and on: fork the keeper before. Errors: every
/// function throws store_error that names the path and what to do.
class data_dir {
 public:
  /// Creates the directory (0700, parents by the umask) when it is missing. Refuses one that
  /// belongs to another user, that group or others can write, that lies on a network file system
  /// (locks and shared memory do not hold there), or that another process holds.
  explicit data_dir(std::string path);
  ~data_dir();
  data_dir(data_dir&& from) noexcept;
  data_dir& operator=(data_dir&&) = delete;

  std::string const& path() const noexcept { return path_; }
  std::string file(std::string const& name) const { return path_ + "/" + name; }

  /// The node's own UUID (version 4), made at the first call and kept in `node-uuid`.
  std::string node_uuid() const;
  /// The cluster's secret, 64 hex digits, made at the first call and kept in `secret`, 0600. A file
  /// that others can read is refused.
  std::string secret() const;

 private:
  std::string path_;
  int lock_ = -1;
};

/// The kind of network file system that `path` lies on ("NFS", "fuse.sshfs"); empty: it is a local
/// one.
std::string network_file_system(std::string const& path);
/// The same by what statfs and mountinfo say: `magic` is statfs' f_type, `mount_type` only counts
/// for FUSE.
std::string network_file_system(unsigned long magic, std::string const& mount_type);

}  // namespace nsai::store
