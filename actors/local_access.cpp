#include "actors/local_access.hpp"

#include <cstdlib>
#include <fstream>

#include <pwd.h>
#include <unistd.h>

namespace nsai::actors {

namespace fs = std::filesystem;

namespace {

std::string read_secret(fs::path const& file) {
  std::ifstream in{file};
  std::string secret;
  std::getline(in, secret);
  while (!secret.empty() && (secret.back() == '\r' || secret.back() == ' '))
    secret.pop_back();
  return secret;
}

std::string read_named_secret(std::string const& file) {
  auto secret = read_secret(file);
  if (secret.empty())
    throw shape_error("secret-file", "\"" + file + "\" cannot be read or is empty",
                      "a file with the secret in its first line");
  return secret;
}

}  // namespace

fs::path runtime_secret_file(std::uint16_t port) {
  char const* runtime = std::getenv("XDG_RUNTIME_DIR");
  std::error_code none;
  fs::path const base = runtime != nullptr && *runtime != '\0' && fs::is_directory(runtime, none)
                            ? fs::path{runtime} / "nsai"
                            : fs::path{"/tmp/nsai-" + std::to_string(::getuid())};
  return base / std::to_string(port);
}

std::string find_secret(std::string const& file, std::uint16_t port) {
  if (!file.empty())
    return read_named_secret(file);
  if (char const* named = std::getenv("NSAI_SECRET_FILE"); named != nullptr && *named != '\0')
    return read_named_secret(named);
  return read_secret(runtime_secret_file(port));
}

std::string scheduler_address() {
  char const* given = std::getenv("NSAI_SCHEDULER");
  return given != nullptr && *given != '\0' ? given : "127.0.0.1:4600";
}

std::string user_name() {
  auto const* entry = ::getpwuid(::getuid());
  return entry != nullptr ? entry->pw_name : std::to_string(::getuid());
}

}  // namespace nsai::actors
