#pragma once

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>

#include "messages/observe.hpp"

namespace nsai::actors {

struct event_log_settings {
  std::filesystem::path file;
  std::int64_t most_bytes = 64LL * 1024 * 1024;  // of one file
  std::int32_t files = 4;                        // the current one included
};

/// A sink of events: one JSON document a line (docs/schema/event.json). At its size the file is
/// renamed to FILE.1, that to FILE.2, and so on; the oldest goes. While the disk takes nothing,
/// events are left out, which is logged once, and their number once it takes them again. An event
/// is in the file when `add` returns, and survives the death of the process, not of the machine.
class event_log {
 public:
  explicit event_log(event_log_settings settings);

  void add(event const& e);
  /// The number of the last event in the files; 0: there is none.
  std::uint64_t last_sequence() const;

 private:
  struct closer {
    void operator()(std::FILE* f) const { std::fclose(f); }
  };
  std::filesystem::path older(std::int32_t n) const;
  void rotate();
  bool write(std::string const& line);

  event_log_settings settings_;
  std::unique_ptr<std::FILE, closer> file_;
  std::int64_t size_ = 0;
  std::uint64_t left_out_ = 0;
};

}  // namespace nsai::actors
