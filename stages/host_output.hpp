#pragma once

#include <cstdint>
#include <mutex>
#include <string>

#include "processes/file_descriptor.hpp"
#include "processes/output_log.hpp"

namespace nsai::stages {

/// What a stage host's process writes to its standard output and error: it goes to the log of the
/// attempt that runs. Thread-safe.
class host_output {
 public:
  /// The read ends of the pipes, non-blocking.
  host_output(processes::file_descriptor out, processes::file_descriptor err)
      : out_(std::move(out)), err_(std::move(err)) {}

  int out() const { return out_.get(); }
  int err() const { return err_.get(); }

  /// From now on output belongs to this log, which is made when there is something to put into it.
  void begin(std::string file, std::int64_t limit_bytes);
  /// Takes what is in the pipes; output that comes later is not of this attempt any more.
  void end();
  /// Takes what is in the pipes while an attempt runs.
  void pump();
  void line(std::string const& text);

 private:
  void take();

  std::mutex mutex_;
  processes::file_descriptor out_;
  processes::file_descriptor err_;
  processes::output_log log_;
};

}  // namespace nsai::stages
