#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "messages/values.hpp"

namespace nsai::stages {

/// Completes what a context lists of an attempt's files: entries whose path lies below `folder` get
/// "bytes", "sha256" and "job", and files there that no entry names get one of their own, with
/// "kind" "file" and their path below the folder as "name". What lies elsewhere, or was not written
/// by this job, stays as it is. Files of more than `most_hashed` bytes together get no hash (null).
/// Links are not followed. Nothing is thrown for a file that vanishes.
json complete_artifacts(json const& listed, std::filesystem::path const& folder, std::uint64_t job,
                        std::uintmax_t most_hashed);

inline constexpr std::uintmax_t hash_all = ~std::uintmax_t{0};

}  // namespace nsai::stages
