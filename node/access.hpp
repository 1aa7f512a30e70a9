#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "actors/local_access.hpp"

namespace nsai::node {

using actors::find_secret;
using actors::runtime_secret_file;

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
