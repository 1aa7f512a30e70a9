#include "stages/artifacts.hpp"

#include <algorithm>
#include <map>

#include "stages/sha256.hpp"

namespace nsai::stages {
namespace {

namespace fs = std::filesystem;

/// Regular files below the folder, by path.
std::map<std::string, std::uintmax_t> files_in(fs::path const& folder) {
  std::map<std::string, std::uintmax_t> files;
  std::error_code fault;
  fs::recursive_directory_iterator each{folder, fault};
  for (; !fault && each != fs::recursive_directory_iterator{}; each.increment(fault)) {
    std::error_code gone;
    bool const is_file = each->symlink_status(gone).type() == fs::file_type::regular;
    auto const bytes = is_file ? each->file_size(gone) : 0;
    if (is_file && !gone)
      files.emplace(each->path().lexically_normal().string(), bytes);
  }
  return files;
}

json hash_of(std::string const& path, std::uintmax_t bytes, std::uintmax_t& left) {
  if (bytes > left)
    return {};
  left -= bytes;
  try {
    return sha256_of_file(path, "artifacts");
  } catch (shape_error const&) {
    return {};
  }
}

}  // namespace

json complete_artifacts(json const& listed, fs::path const& folder, std::uint64_t job,
                        std::stop_token const& stop, std::uintmax_t most_hashed) {
  json all = listed.is_array() ? listed : json::array();
  auto files = files_in(folder);
  auto const describe = [&](json& entry, std::string const& path, std::uintmax_t bytes) {
    entry["bytes"] = bytes;
    entry["sha256"] = stop.stop_requested() ? json{} : hash_of(path, bytes, most_hashed);
    entry["job"] = job;
  };
  for (auto& entry : all) {
    if (!entry.is_object() || !entry.contains("path") || !entry.at("path").is_string())
      continue;
    auto const path = fs::path{entry.at("path").get<std::string>()}.lexically_normal().string();
    auto const found = files.find(path);
    if (found == files.end())
      continue;
    describe(entry, path, found->second);
    files.erase(found);
  }
  std::size_t added = 0;
  for (auto const& [path, bytes] : files) {
    if (++added > most_listed_files) {
      all.push_back({{"name", "further files"},
                     {"kind", "omitted"},
                     {"path", folder.string()},
                     {"files", files.size() - most_listed_files}});
      break;
    }
    json entry{{"name", fs::path{path}.lexically_relative(folder.lexically_normal()).string()},
               {"kind", "file"},
               {"path", path}};
    describe(entry, path, bytes);
    all.push_back(std::move(entry));
  }
  return all;
}

bool has_files(attempt_files const& left) {
  std::error_code none;
  return !left.folder.empty() && !fs::is_empty(left.folder, none) && !none;
}

void tell_files(attempt_outcome& outcome, json_text const& before, attempt_files const& left) {
  if (!has_files(left))
    return;
  bool const gave_none = outcome.context.empty();
  auto const& known = gave_none ? before : outcome.context;
  auto after = known.empty() ? json::object() : known.value();
  auto& list = after["artifacts"];
  list = complete_artifacts(list, left.folder, left.job, left.stop);
  if (gave_none && !left.step.empty() && !outcome.value.empty())
    after["outputs"][left.step] = outcome.value.value();
  outcome.context = json_text::of(after);
}

void refuse_large(attempt_outcome& outcome) {
  auto const size = outcome.value.text.size() + outcome.context.text.size();
  if (size <= most_result_bytes)
    return;
  outcome.result = attempt_result::failed;
  outcome.error = error_of(
      "stage", "result_too_large",
      "result: " + std::to_string(size) +
          " bytes with the context are not allowed; expected at most 16777216 (16 MiB): write what "
          "is larger to a file in the artifact directory and name it in the result");
  outcome.value = {};
  outcome.context = {};
}

}  // namespace nsai::stages
