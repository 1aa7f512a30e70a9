#pragma once

#include <filesystem>
#include <string_view>

namespace nsai::stages {

/// Writes a file that is there whole or not at all, also after a crash: beside its place, synced,
/// then renamed over what was there, and the directory synced. Makes the directory. Writers of one
/// file do not meet: the last one counts. Throws std::runtime_error that names the file and the
/// reason; nothing is left beside the file then.
void write_whole_file(std::filesystem::path const& file, std::string_view text);

}  // namespace nsai::stages
