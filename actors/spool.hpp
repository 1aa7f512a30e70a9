#pragma once

#include <filesystem>
#include <map>
#include <vector>

#include "messages/attempt.hpp"

namespace nsai::actors {

/// Outcomes that the scheduler has not confirmed. They are in memory at once and on disk after
/// `save`, so that a node that ends while the scheduler is away still tells them at its next start.
/// (A node that is killed before has lost them with the attempt, which then runs again: execution
/// is at least once.)
class spool {
 public:
  /// Reads what a former run of the node left; a file that cannot be read is told in the log and
  /// left out.
  explicit spool(std::filesystem::path directory);

  void add(attempt_outcome outcome);
  void confirm(attempt_ref ref);
  bool contains(attempt_ref ref) const { return outcomes_.contains(ref); }
  bool empty() const { return outcomes_.empty(); }
  std::size_t size() const { return outcomes_.size(); }
  std::vector<attempt_outcome> all() const;
  std::vector<attempt_outcome> some(std::vector<attempt_ref> const& refs) const;

  /// Writes what was added since the last call and is still unconfirmed. A full disk is told in the
  /// log.
  void save();

 private:
  std::filesystem::path file_of(attempt_ref ref) const;

  std::filesystem::path directory_;
  std::map<attempt_ref, attempt_outcome> outcomes_;
  std::map<attempt_ref, bool> on_disk_;
};

/// One file of the spool. Throws shape_error when it is none.
attempt_outcome read_spooled(std::string const& bytes);

}  // namespace nsai::actors
