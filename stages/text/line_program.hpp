#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

#include "messages/field_list.hpp"
#include "processes/file_descriptor.hpp"
#include "stages/compute.hpp"

namespace nsai::stages {

/// The program could not be started, died, was silent for too long, or wrote something else than
/// answers to what it was asked. The message says what came and what was expected.
struct line_program_error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// A program that answers questions: JSON lines into its standard input, JSON lines out of its
/// standard output, in any order, matched by "id". Its standard error is that of this process (in a
/// stage host: the job's log). It leads a process group of its own, which is killed and taken in
/// when this object goes or anything goes wrong.
class line_program {
 public:
  /// Starts it. argv[0] is searched in PATH when it has no slash; with one it is relative to
  /// `directory`, which the program starts in (empty: the current one). `timeout`: how long it may
  /// be silent while answers are missing. Throws line_program_error.
  line_program(std::vector<std::string> argv, std::filesystem::path const& directory,
               std::chrono::milliseconds timeout);
  ~line_program();
  line_program(line_program const&) = delete;
  line_program& operator=(line_program const&) = delete;

  /// Asks everything at once and returns the answers in the order of the requests, each an object
  /// with its request's "id". Requests are objects, each with another "id", an integer or a text.
  /// The program may read and write as it likes. Throws line_program_error, and compute_stopped
  /// within a tenth of a second after a stop; after either the program is gone.
  std::vector<json> ask(std::vector<json> const& requests, compute_hooks const& hooks);

 private:
  struct exchange;

  void start(std::filesystem::path const& directory);
  void write_some(exchange& now);
  bool read_some();  // false: its output has ended
  void take_lines(exchange& now);
  void take_last_line(exchange& now);  // what it wrote before its end, without a line's end
  [[noreturn]] void fail(std::string const& what);
  std::optional<std::string> ending() const;
  std::string how_it_ended(compute_hooks const& hooks);
  void end() noexcept;

  std::vector<std::string> argv_;
  std::chrono::milliseconds timeout_;
  processes::file_descriptor in_;   // we write
  processes::file_descriptor out_;  // we read
  pid_t pid_ = -1;
  std::string received_;  // not a whole line yet
};

/// One line of such a program: an object with an "id", an integer or a text. Throws
/// line_program_error.
json read_answer(std::string_view line);

}  // namespace nsai::stages
