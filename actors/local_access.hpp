#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "messages/error.hpp"

/// How programs of the user who runs a scheduler find and reach it without being told.
namespace nsai::actors {

/// Where programs of the same user find the secret of the scheduler at `port`:
/// $XDG_RUNTIME_DIR/nsai/PORT, else /tmp/nsai-UID/PORT.
std::filesystem::path runtime_secret_file(std::uint16_t port);

/// The secret for a scheduler: from `file` when it is given, else from NSAI_SECRET_FILE, else from
/// the runtime file of the port; empty when there is none. Throws shape_error when a file that was
/// named cannot be read.
std::string find_secret(std::string const& file, std::uint16_t port);

/// NSAI_SCHEDULER, else 127.0.0.1:4600.
std::string scheduler_address();

/// The name of the user who runs this program, else the number: the owner of what it submits.
std::string user_name();

}  // namespace nsai::actors
