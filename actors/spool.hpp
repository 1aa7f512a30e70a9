#pragma once

#include <filesystem>
#include <map>
#include <vector>

#include "messages/attempt.hpp"

namespace nsai::actors {

/// Outcomes that the scheduler has not confirmed. Most are confirmed within milliseconds and never
/// touch the disk; those that are not, because the scheduler is away, are written at the next beat
/// but one, so that a node that ends meanwhile still tells them at its next start. (A node that is
/// killed before has lost them with the attempt, which then runs again: execution is at least
/// once.)
///
/// Everything that becomes overdue between two beats shares one file, which goes when the last of
/// its outcomes is confirmed. After a restart those of them that had been confirmed are told once
/// more, and the scheduler refuses them.
class spool {
 public:
  /// Reads what a former run of the node left; a file that cannot be read is told in the log and
  /// left out.
  explicit spool(std::filesystem::path directory);

  void add(attempt_outcome outcome);
  void confirm(attempt_ref ref);
  bool contains(attempt_ref ref) const { return entries_.contains(ref); }
  bool empty() const { return entries_.empty(); }
  std::size_t size() const { return entries_.size(); }
  std::vector<attempt_outcome> all() const;
  std::vector<attempt_outcome> some(std::vector<attempt_ref> const& refs) const;

  /// A beat has passed: writes those that were already there at the last one, and gives at most so
  /// many of them, which should be told again. A full disk is told in the log.
  std::vector<attempt_ref> overdue(std::size_t most);
  /// Writes all that is not on disk, before the node ends.
  void save();

 private:
  struct entry {
    attempt_outcome outcome;
    std::uint64_t beat = 0;  // in which it was added
    std::uint64_t file = 0;  // 0: not on disk
  };
  void read(std::filesystem::path const& file);
  void write(std::vector<entry*> const& list);
  std::filesystem::path path_of(std::uint64_t file) const;

  std::filesystem::path directory_;
  std::map<attempt_ref, entry> entries_;
  std::vector<attempt_ref> fresh_;              // added since the last beat; may be gone
  std::vector<attempt_ref> late_;               // those of an earlier beat, in order; may be gone
  std::map<std::uint64_t, std::size_t> files_;  // how many outcomes of each are unconfirmed
  std::uint64_t beat_ = 1;
  std::uint64_t last_file_ = 0;
};

/// The outcomes in one file of the spool. Throws shape_error when it is none.
std::vector<attempt_outcome> read_spooled(std::string const& bytes);

}  // namespace nsai::actors
