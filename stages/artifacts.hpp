#pragma once

#include <cstdint>
#include <filesystem>
#include <stop_token>
#include <string>

#include "messages/values.hpp"

namespace nsai::stages {

inline constexpr std::uintmax_t usually_hashed = std::uintmax_t{4} << 30;
inline constexpr std::size_t most_listed_files = 1000;

/// Completes what a context lists of an attempt's files: entries whose path lies below `folder` get
/// "bytes", "sha256" and "job", and files there that no entry names get one of their own, with
/// "kind" "file" and their path below the folder as "name". What lies elsewhere, or was not written
/// by this job, stays as it is. What is beyond `most_hashed` bytes of all files together, or comes
/// after a stop, gets no hash (null). Of more than `most_listed_files` the rest is told by one
/// entry
/// {"name", "kind": "omitted", "files"}. Links are not followed. Nothing is thrown for a file that
/// vanishes.
json complete_artifacts(json const& listed, std::filesystem::path const& folder, std::uint64_t job,
                        std::stop_token const& stop, std::uintmax_t most_hashed = usually_hashed);

}  // namespace nsai::stages
