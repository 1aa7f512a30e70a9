#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace nsai::stages {

/// SHA-256 (FIPS 180-4) as 64 digits in lower-case hexadecimal.
std::string sha256_of_text(std::string_view text);

/// Of a file's bytes, read piece by piece. Throws shape_error (path `field`) when it cannot be
/// read.
std::string sha256_of_file(std::filesystem::path const& file, std::string const& field);

}  // namespace nsai::stages
