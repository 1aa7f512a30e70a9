#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "messages/error.hpp"

namespace nsai::node {

/// Where programs of the same user find the secret of the scheduler at `port`:
/// $XDG_RUNTIME_DIR/nsai/PORT, else /tmp/nsai-UID/PORT.
std::filesystem::path runtime_secret_file(std::uint16_t port);

/// The secret for a scheduler: from `file` when it is given, else from NSAI_SECRET_FILE, else from
/// the runtime file of the port; empty when there is none. Throws shape_error when a file that was
/// named cannot be read.
std::string find_secret(std::string const& file, std::uint16_t port);

/// A copy of the secret for the time that this lives: the directory is 0700, the file 0600. Throws
/// when the directory belongs to somebody else.
class published_secret {
 public:
  published_secret(std::uint16_t port, std::string const& secret);
  ~published_secret();
  published_secret(published_secret const&) = delete;
  published_secret& operator=(published_secret const&) = delete;

 private:
  std::filesystem::path file_;
};

}  // namespace nsai::node
