#pragma once

#include <string>
#include <vector>

#include "messages/error.hpp"
#include "messages/explanation.hpp"
#include "messages/record.hpp"

namespace nsai::node {

/// What every command ends with (cli.md).
enum exit_code : int {
  exit_done = 0,
  exit_job_failed = 1,
  exit_usage = 2,
  exit_unreachable = 3,
  exit_timed_out = 4,
  exit_refused = 5
};
int exit_code_of(error_info const& error);

/// Ends the running command: the error is shown and its category decides the exit code.
class command_error : public std::runtime_error {
 public:
  explicit command_error(error_info error)
      : std::runtime_error(error.message), faults_{std::move(error)} {}
  explicit command_error(std::vector<error_info> faults)
      : std::runtime_error(faults.at(0).message), faults_(std::move(faults)) {}
  std::vector<error_info> const& faults() const { return faults_; }

 private:
  std::vector<error_info> faults_;  // at least one
};

/// How a command shows things: tables and sentences, or one JSON document.
class output {
 public:
  bool as_json = false;
  bool quiet = false;
  bool color = false;

  void document(json const& value) const;
  /// A sentence on stdout, unless quiet or JSON.
  void say(std::string const& text) const;
  /// Aligned columns; the first row is the header.
  void table(std::vector<std::vector<std::string>> const& rows) const;
  void errors(std::vector<error_info> const& faults) const;
  /// One line on a terminal that replaces itself; nothing elsewhere.
  void progress(std::string const& text) const;
  void end_progress() const;
};

/// "[######..................]  25 %"
std::string progress_bar(milli fraction);

/// Control characters made harmless for a terminal; line feeds and tabs are kept.
std::string escaped(std::string const& text);

/// The whole of a record for people.
std::string show_job(job_record const& job);

/// Why a job waits, for people; `now`: for how long it is until then.
void show_explanation(explanation const& why, timestamp now, output const& out);

}  // namespace nsai::node
