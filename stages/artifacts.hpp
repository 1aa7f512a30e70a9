#pragma once

#include <cstdint>
#include <filesystem>
#include <stop_token>
#include <string>

#include "messages/attempt.hpp"

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

/// Where an attempt has left files.
struct attempt_files {
  std::filesystem::path folder;  // empty, or not there: none
  std::uint64_t job = 0;
  std::string step;  // what the job is called in its experiment; empty: it is in none
  std::stop_token stop;
};
bool has_files(attempt_files const& left);

/// Lists what a successful attempt has left, if there is something, in the context of its outcome.
/// Where it gave none, that is `before`, with its value under `outputs` by its step: what a step
/// without a context passes on (store/contexts.hpp).
void tell_files(attempt_outcome& outcome, json_text const& before, attempt_files const& left);

/// Of a value and its context together; what is larger belongs into a file.
inline constexpr std::size_t most_result_bytes = 16 * 1024 * 1024;
/// An outcome beyond it becomes a failure, "result_too_large".
void refuse_large(attempt_outcome& outcome);

}  // namespace nsai::stages
